"""Shell completion: verbs, options, names from the configuration, held commands; never an error, never a danger."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests.unit.app.plants import GOOD, write
from twinvouch.app import cli
from twinvouch.app.client import Client


def offered(*args: str) -> list[str]:
    """What a shell is offered for the last of `args`."""
    shell = ShellComplete(cli.cli, {}, "twinvouch", "_TWINVOUCH_COMPLETE")
    return [item.value for item in shell.get_completions(list(args[:-1]), args[-1])]


@pytest.fixture
def twin(tmp_path: Path) -> str:
    return str(write(tmp_path, GOOD))


def test_verbs_and_options_are_offered() -> None:
    assert {"run", "doctor", "status", "completion"} <= set(offered(""))
    assert offered("stat") == ["status"]
    assert {"list", "show", "approve", "reject"} <= set(offered("commands", ""))
    assert "--reason" in offered("commands", "approve", "x", "--re")
    assert offered("run", "--log-format", "j") == ["json"]


def test_names_come_from_the_configuration(twin: str) -> None:
    assert offered("tags", "show", "--config", twin, "tank") == ["tank-1/level"]
    assert offered("distrust", "--config", twin, "") == ["tank-1/level", "pump-1/speed", "edge-1"]
    assert offered("distrust", "x", "--config", twin, "--person", "") == ["anna"]
    assert offered("status", "--config", twin, "--as", "") == ["edge-1", "anna", "actuator-1"]
    assert offered("principals", "add", "--config", twin, "a") == ["anna", "actuator-1"]


def test_without_a_configuration_nothing_is_offered_and_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("tags", "show", "") == []
    write(tmp_path, "version: [")
    assert offered("tags", "show", "") == []
    write(tmp_path, GOOD)
    assert offered("edge", "--edge", "") == ["edge-1"]
    assert offered("tags", "show", "") == ["tank-1/level", "pump-1/speed"]
    assert capsys.readouterr() == ("", "")


def test_held_commands_are_asked_of_the_core_with_a_short_wait(
    twin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Path(twin).parent / "keys"
    keys.mkdir()
    for name in ("actuator-1", "anna"):
        (keys / f"{name}.token").write_text(f"tvt_{name}\n", "ascii")
    waits, asked = [], []
    made = Client.__init__

    def core(request: httpx.Request) -> httpx.Response:
        asked.append((request.headers["authorization"], request.url.params["status"]))
        if "anna" not in request.headers["authorization"]:
            return httpx.Response(403, json={"detail": "denied"})
        rows = [{"id": i, "tag": "pump-1/speed", "value": 0.5} for i in ("ab12", "$(reboot)")]
        return httpx.Response(200, json=rows)

    def init(self: Client, *args: Any, **more: Any) -> None:
        waits.append(more.get("timeout_s"))
        made(self, *args, **more)
        old = self._http
        self._http = httpx.Client(
            transport=httpx.MockTransport(core), base_url="http://c", headers=old.headers
        )

    monkeypatch.setattr(Client, "__init__", init)
    assert offered("commands", "approve", "--config", twin, "") == ["ab12"]
    assert asked == [("Bearer tvt_actuator-1", "held"), ("Bearer tvt_anna", "held")]
    assert set(waits) == {0.5}


def test_a_core_that_does_not_run_offers_nothing(twin: str) -> None:
    keys = Path(twin).parent / "keys"
    keys.mkdir()
    (keys / "anna.token").write_text("tvt_anna\n", "ascii")
    config = GOOD + "api: {port: 1}\n"
    write(Path(twin).parent, config)
    assert offered("commands", "show", "--config", twin, "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell: str) -> None:
    answer = CliRunner().invoke(cli.cli, ["completion", shell])
    assert answer.exit_code == 0
    assert "_TWINVOUCH_COMPLETE" in answer.output
    assert "twinvouch" in answer.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_completes_with_the_script(twin: str) -> None:
    script = CliRunner().invoke(cli.cli, ["completion", "bash"]).output
    program = f"""
PATH="{Path(sys.executable).parent}:$PATH"
{script}
COMP_WORDS=(twinvouch tags show --config "{twin}" pump)
COMP_CWORD=5
_twinvouch_completion twinvouch
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("pump-1/speed\n", "")
