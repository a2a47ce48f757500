"""The unit files: systemd finds nothing wrong with them, and the sandbox is as tight as the how-to says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from twinvouch.app import cli, unit_files
from twinvouch.app.cli.systemd import PROCESSES
from twinvouch.core.errors import UsageError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "run-as-services.md"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)
DEMANDED = [
    "Type=notify",
    "WatchdogSec=60",
    "DynamicUser=yes",
    "StateDirectoryMode=0700",
    "CapabilityBoundingSet=",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectProc=invisible",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "PrivateUsers=yes",
    "RestrictNamespaces=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallFilter=@system-service",
    "SystemCallArchitectures=native",
    "IPAddressDeny=any",
    "IPAddressAllow=localhost",
    "LimitCORE=0",
    "UMask=0077",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
]


def printed(process: str, *args: str) -> str:
    answer = CliRunner().invoke(cli.cli, ["systemd", "print", process, *args])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_has_its_sandbox_and_runs_this_program(process: str) -> None:
    lines = printed(process).splitlines()
    assert [d for d in DEMANDED if d not in lines] == []
    program = Path(sys.executable).with_name("twinvouch")
    assert any(line.startswith(f"ExecStart={program} ") for line in lines)
    assert unit_files.PLACE not in "".join(lines)


def test_keys_come_as_credentials_and_only_where_they_exist_before() -> None:
    assert "LoadCredential=%i.key:/etc/twinvouch/keys/%i.key" in printed("edge")
    assert "LoadCredential=actuator.key:" in printed("actuator")
    assert "SocketBindDeny=any" in printed("actuator").splitlines(), "it opens no port"
    assert "LoadCredential" not in printed("core"), "the core makes its keys itself"


@pytest.mark.parametrize("program", ["twinvouch", "/a b", "/a;b", "/a%b", "/a\nExecStart=/b", ""])
def test_a_path_that_systemd_reads_otherwise_is_refused(program: str) -> None:
    with pytest.raises(UsageError, match="absolute one of plain characters"):
        unit_files.text(PROCESSES["core"], program)


def written(folder: Path, process: str) -> Path:
    file = folder / PROCESSES[process]
    file.write_text(printed(process, "--program", "/bin/true"), "utf-8")
    return file


@needs_systemd
@pytest.mark.parametrize("process", PROCESSES)
def test_systemd_understands_every_line(tmp_path: Path, process: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(written(tmp_path, process))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("process", PROCESSES)
def test_the_exposure_is_what_the_how_to_says(tmp_path: Path, process: str) -> None:
    score = re.search(rf"^\| {process} \| ([0-9.]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert score is not None
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--no-pager",
            str(written(tmp_path, process)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= float(score[1])


def test_a_credential_of_systemd_may_show_the_mask_of_its_access_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinvouch.adapters.event_stream import read_token
    from twinvouch.adapters.keys import FileSigner, generate
    from twinvouch.core.errors import ConfigError

    given = tmp_path / "credentials"
    given.mkdir()
    generate(given / "a.key")
    (given / "a.token").write_text("tvt_something\n", "ascii")
    (tmp_path / "link").symlink_to(given)
    for file, read in (("a.key", FileSigner), ("a.token", read_token)):
        (given / file).chmod(0o440)
        with pytest.raises(ConfigError, match="mode 0440"):
            read(given / file)
        with monkeypatch.context() as inside:
            inside.setenv("CREDENTIALS_DIRECTORY", str(given))
            read(tmp_path / "link" / file)
            for mode in (0o444, 0o460):
                (given / file).chmod(mode)
                with pytest.raises(ConfigError, match=f"mode {mode:04o}"):
                    read(given / file)
            (given / file).chmod(0o440)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
        with pytest.raises(ConfigError, match="mode 0440"):
            read(given / file)
        monkeypatch.delenv("CREDENTIALS_DIRECTORY")


def test_json_of_the_schema_and_units_are_in_the_package() -> None:
    from importlib.resources import files

    assert json.loads(
        files("twinvouch.app").joinpath("schema", "twin.schema.json").read_text("utf-8")
    )
    assert {p.name for p in files("twinvouch.app").joinpath("systemd").iterdir()} == set(
        PROCESSES.values()
    )
