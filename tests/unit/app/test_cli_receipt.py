"""`twinvouch receipt verify` and `python -m twinvouch.verifier receipt`: the same words, the same exit codes."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.claims.site import Toy, signer
from tests.unit.app.test_receipts import KEY, executed, made
from twinvouch.app.cli.receipt import command
from twinvouch.verifier import __main__ as module

Run = Callable[[list[str]], tuple[int, str]]


def by_click(arguments: list[str]) -> tuple[int, str]:
    done = CliRunner().invoke(command, ["verify", *arguments])
    return done.exit_code, done.output


@pytest.fixture(params=["click", "module"])
def run(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Run:
    def by_module(arguments: list[str]) -> tuple[int, str]:
        try:
            code = module.main(["receipt", *arguments])
        except SystemExit as error:
            code = int(str(error.code))
        return code, capsys.readouterr().out

    return by_click if request.param == "click" else by_module


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    toy = Toy(tmp_path / "d")
    path = tmp_path / "a.receipt"
    path.write_bytes(made(toy, executed(toy)))
    return path


def test_a_receipt_is_told_and_verified(run: Run, file: Path) -> None:
    edge = base64.b64encode(signer("edge-1").public_key).decode()
    code, said = run([str(file), "--key", KEY.text(), "--signer", edge])
    assert code == 0
    assert "tank/level = 5 (good)" in said
    assert said.strip().endswith("VERIFIED: 6 entries are under the head that the log signed")
    code, said = run([str(file), "--key", KEY.text(), "--json"])
    told = json.loads(said)
    assert (code, told["ok"], told["what"], told["fault"]) == (0, True, "command", None)
    assert set(told) == {
        "ok", "fault", "what", "id", "plant", "made_ns", "origin", "size", "discloses",
        "witnessed", "entries", "story",
    }  # fmt: skip


def test_what_does_not_fit_is_told_with_its_place(run: Run, file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    code, said = run([str(file), "--key", KEY.text()])
    assert code == 1
    assert said.startswith("BAD ")
    assert said.strip().endswith("NOT VERIFIED")
    code, said = run([str(file), "--key", KEY.text(), "--json"])
    assert code == 1
    assert json.loads(said)["fault"]["place"]


@pytest.mark.parametrize(
    "wrong",
    [["--key", "x"], ["--key", KEY.text(), "--signer", "!"], ["--key", KEY.text(), "--root", "x"],
     ["--key", KEY.text(), "--witness", "x"], ["--key", KEY.text(), "--witnesses", "1"]],
)  # fmt: skip
def test_wrong_usage_is_exit_2(run: Run, file: Path, wrong: list[str]) -> None:
    assert run([str(file), *wrong])[0] == 2
