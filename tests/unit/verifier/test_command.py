"""Both ways to start a verification: `python -m twinvouch.verifier` and `twinvouch ledger verify`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.verifier.ledgers import write_ledger
from twinvouch.app.cli.ledger import command
from twinvouch.verifier.__main__ import main

Run = Callable[[list[str]], tuple[int, str]]


def click_way(arguments: list[str]) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["verify", *arguments])
    return result.exit_code, result.output


@pytest.fixture(params=["module", "click"])
def run(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Run:
    def module_way(arguments: list[str]) -> tuple[int, str]:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return module_way if request.param == "module" else click_way


def test_a_good_ledger_exits_0(tmp_path: Path, run: Run) -> None:
    key = write_ledger(tmp_path, 5)
    code, out = run([str(tmp_path), "--key", key])
    assert code == 0
    assert "5 entries" in out
    assert "VERIFIED" in out


def test_the_key_may_stand_in_a_file(tmp_path: Path, run: Run) -> None:
    write_ledger(tmp_path, 5)
    assert run([str(tmp_path), "--key", str(tmp_path / "log.vkey")])[0] == 0


def test_json_is_one_object_with_stable_keys(tmp_path: Path, run: Run) -> None:
    key = write_ledger(tmp_path, 5)
    code, out = run([str(tmp_path), "--key", key, "--json"])
    found = json.loads(out)
    assert (code, found["ok"], found["size"], found["faults"]) == (0, True, 5, [])
    assert set(found) == {
        "ok", "directory", "origin", "size", "root", "files",
        "kinds", "plants", "first_ns", "last_ns", "faults", "beyond", "log_keys", "epochs", "witnessed",
    }  # fmt: skip


def test_a_bad_ledger_exits_1_and_names_the_place(tmp_path: Path, run: Run) -> None:
    key = write_ledger(tmp_path, 5)
    bundle = tmp_path / "tile/entries/000.p/5"
    bundle.write_bytes(bundle.read_bytes().replace(b"net3", b"net4", 1))
    code, out = run([str(tmp_path), "--key", key, "--json"])
    assert code == 1
    assert json.loads(out)["faults"][0]["place"] == "entry 0 (tile/entries/000.p/5)"
    code, out = run([str(tmp_path), "--key", key])
    assert code == 1
    assert "BAD entry 0 (tile/entries/000.p/5)" in out


@pytest.mark.parametrize("arguments", [[], ["--key", "nonsense"]])
def test_no_key_or_a_bad_one_is_wrong_usage(tmp_path: Path, run: Run, arguments: list[str]) -> None:
    write_ledger(tmp_path, 5)
    code, out = run([str(tmp_path), *arguments])
    assert code == 2
    assert "--key" in out


def test_no_directory_is_wrong_usage(tmp_path: Path, run: Run) -> None:
    key = write_ledger(tmp_path / "ledger", 5)
    assert run([str(tmp_path / "missing"), "--key", key])[0] == 2


def test_the_verifier_runs_where_nothing_of_twinvouch_is(tmp_path: Path) -> None:
    """The folder alone, copied, under another name, without numpy or PyNaCl being loaded."""
    import twinvouch.verifier

    key = write_ledger(tmp_path / "ledger", 5)
    source = Path(twinvouch.verifier.__file__).parent
    for file in source.glob("*.py"):
        text = file.read_text("utf-8").replace("twinvouch.verifier", "standalone")
        (tmp_path / "standalone").mkdir(exist_ok=True)
        (tmp_path / "standalone" / file.name).write_text(text, "utf-8")
    (tmp_path / "go.py").write_text(
        "import sys\nfrom standalone.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "assert not {'twinvouch', 'numpy', 'nacl'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "go.py", "ledger", "--key", key],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "VERIFIED" in done.stdout
