"""`twinvouch commands submit|explain|simulate` as people call it, against a core that runs."""

import json
from pathlib import Path

import pytest

from tests.unit.app.test_cli_advice import path
from tests.unit.app.test_cli_config import call
from tests.unit.app.test_live_core import closed, running

__all__ = ["closed", "path"]  # fixtures

TAG = "pump-1/speed"


def commands(config: Path, *args: object, code: int = 0) -> str:
    return call("commands", *args, "--config", config, code=code).output


def test_what_is_submitted_is_explained_and_the_same_again_is_the_same(path: Path) -> None:
    with running(path) as live:
        said = commands(path, "submit", TAG, "60", "--as", "twin", "--why", "more", code=1)
        assert "twinvouch: 403: " in said
        (record,) = live.memory.records.values()
        assert (record.command.signed, record.command.unit, record.command.reason) == (
            *(True, "%", "more"),
        )
        told = commands(path, "explain", record.command.id, "--as", "bob")
        assert f"twin wants `{TAG}` = 60 %" in told
        row = json.loads(commands(path, "explain", record.command.id, "--as", "bob", "--json"))
        assert (row["class"], row["paths"]) == (None, []), "nobody has signed the configuration"
        assert "denied before anything was weighed" in told
        once = ("--idempotency-key", "a-1")
        commands(path, "submit", TAG, "60", "--as", "twin", *once, code=1)
        size = live.memory.size
        commands(path, "submit", TAG, "60", "--as", "twin", *once, code=1)
        assert (live.memory.size, len(live.memory.records)) == (size, 2)
        other = commands(path, "submit", TAG, "50", "--as", "twin", *once, code=1)
        assert "409" in other


def test_without_its_key_a_token_vouches(path: Path) -> None:
    (path.parent / "keys" / "twin.key").unlink()
    with running(path) as live:
        once = ("--idempotency-key", "a-1")
        for _ in range(2):
            commands(path, "submit", TAG, "60", "--as", "twin", *once, code=1)
        (record,) = live.memory.records.values()
        assert not record.command.signed


def test_a_simulation_tells_the_same_and_enters_a_question(path: Path) -> None:
    with running(path) as live:
        size = live.memory.size
        declared = ("--input", "tank-1/level=0", "--input", "tank-1/level")
        said = commands(path, "simulate", TAG, "60", "--as", "twin", *declared, "--json", code=1)
        row = json.loads(said)
        assert (row["status"], row["verdict"], row["id"]) == ("simulated", "deny", None)
        assert row["signed"]
        assert live.memory.size == size + 2, "it, and the question for the newest entry"
        assert live.memory.records == {}
        said = commands(path, "simulate", TAG, "-5", "--as", "twin", code=1)
        assert f"twin wants `{TAG}` = -5 %" in said


def test_every_no_has_its_exit_code(path: Path) -> None:
    with running(path):
        commands(path, "submit", TAG, "60", "--as", "eve", code=4)
        commands(path, "simulate", TAG, "60", "--as", "eve", code=1)
        commands(path, "explain", "00", "--as", "bob", code=1)
        commands(path, "explain", "00", "--as", "eve", code=4)
    commands(path, "submit", TAG, "60", "--as", "twin", code=5)
    commands(path, "submit", TAG, "60", "--as", "nobody", code=2)


@pytest.mark.parametrize(
    "wrong", [("nan",), ("much",), ("1", "--input", "x=y"), ("1", "--wait", "long")]
)
def test_what_is_called_wrongly_is_told(path: Path, wrong: tuple[str, ...]) -> None:
    commands(path, "submit", TAG, *wrong, "--as", "twin", code=2)
