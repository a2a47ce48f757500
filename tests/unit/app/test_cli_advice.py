"""`twinvouch advice` as people call it, against a core that runs."""

import json
from pathlib import Path

import pytest

from tests.unit.app.test_cli_config import call
from tests.unit.app.test_live_core import closed, running
from twinvouch.core.command import Input

__all__ = ["closed"]  # a fixture that closes what the command line leaves open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The starter plant with a service, an operator and a viewer."""
    call("init", tmp_path, "--plant", "net3")
    config = tmp_path / "twin.yaml"
    for name, kind, role in (
        ("twin", "service", "engineer"),
        ("bob", "person", "operator"),
        ("eve", "person", "viewer"),
    ):
        call(
            "principals", "add", name, "--kind", kind, "--role", role, "--token", "--config", config
        )
    return config


def advice(path: Path, *args: object, code: int = 0) -> str:
    return call("advice", *args, "--config", path, code=code).output


def test_what_is_given_is_listed_and_shown(path: Path) -> None:
    with running(path) as live:
        what = ("--about", "tank-1", "--says", "look at the gauge glass")
        said = advice(path, "give", "--as", "twin", *what, "--value", "2.5", "--unit", "kWh")
        standing, _, rest = said.partition(": ")
        ident = rest.split()[0]
        assert standing == "labelled", "no reading has come: it rests on nothing that counts"
        assert live.memory.advice[ident].advice.signed
        (row,) = json.loads(advice(path, "list", "--as", "bob", "--json"))
        assert (row["id"], row["value"], row["unit"]) == (ident, 2.5, "kWh")
        shown = advice(path, "show", ident, "--as", "bob")
        assert shown.startswith("twin about `tank-1` (class C): labelled\n")
        assert "value  2.5 kWh" in shown
        assert ident in advice(path, "list", "--as", "bob", "--standing", "labelled")
        assert ident not in advice(path, "list", "--as", "bob", "--standing", "shown")


def test_what_is_withheld_is_not_printed(path: Path) -> None:
    with running(path):
        what = ("--about", "pump-1/speed", "--says", "run it faster", "--input", "tank-1/level=0")
        said = advice(path, "give", "--as", "bob", *what, "--for", "90s")
        ident = said.split()[1]
        assert said.startswith("withheld: ")
        for form in ((), ("--json",)):
            shown = advice(path, "show", ident, "--as", "bob", *form)
            assert "withheld" in shown
            assert "faster" not in shown + advice(path, "list", "--as", "bob", *form)


def test_an_input_without_an_entry_is_the_newest_one(path: Path) -> None:
    what = ("--about", "tank-1", "--says", "look", "--input", "tank-1/level")
    with running(path) as live:
        given = advice(path, "give", "--as", "twin", *what)
        (told,) = live.memory.advice[given.split()[1]].advice.inputs
        assert told == Input("tank-1/level", 0), "never read: counts as nothing"
    (path.parent / "keys" / "twin.token").unlink()
    assert "twin.token" in advice(path, "give", "--as", "twin", *what, code=2)


def test_without_its_key_a_token_vouches(path: Path) -> None:
    (path.parent / "keys" / "twin.key").unlink()
    with running(path) as live:
        said = advice(path, "give", "--as", "twin", "--about", "tank-1", "--says", "clean it")
        assert not live.memory.advice[said.split()[1]].advice.signed


def test_every_no_has_its_exit_code(path: Path) -> None:
    what = ("--about", "tank-1", "--says", "x")
    with running(path):
        advice(path, "give", "--as", "eve", *what, code=4)
        advice(path, "list", "--as", "eve", code=4)
        advice(path, "give", "--as", "twin", "--about", "attic", "--says", "x", code=1)
        advice(path, "show", "00", "--as", "bob", code=1)
    advice(path, "give", "--as", "twin", *what, code=5)
    advice(path, "give", "--as", "nobody", *what, code=2)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--for", "8"),
        ("--for", "31d"),
        ("--for", "0s"),
        ("--input", "tank-1/level="),
        ("--input", "=3"),
        ("--input", "tank-1/level=-1"),
        ("--value", "nan"),
        ("--value", "x"),
    ],
)
def test_what_is_called_wrongly_is_told(path: Path, wrong: tuple[str, str]) -> None:
    advice(path, "give", "--as", "twin", "--about", "tank-1", "--says", "x", *wrong, code=2)


def test_a_sentence_that_is_none_is_told_before_anything_is_sent(path: Path) -> None:
    advice(path, "give", "--as", "twin", "--about", "tank-1", "--says", "two\nlines", code=2)
