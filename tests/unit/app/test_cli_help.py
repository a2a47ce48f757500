"""Every verb explains itself, quickly; misuse is told in a sentence with the exit code of its kind."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from twinvouch.app import cli, starter
from twinvouch.app.cli import advice as advice_verb
from twinvouch.app.cli import commands as commands_verb
from twinvouch.app.run import run
from twinvouch.core.advice import Standing
from twinvouch.core.command import CommandStatus
from twinvouch.core.errors import UnavailableError


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every verb of the tree, groups included."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk(below, (*path, name))


@pytest.mark.parametrize("path", list(walk(cli.cli)), ids=" ".join)
def test_every_verb_has_a_help(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(cli.cli, [*path, "--help"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("Usage: ")
    assert len(answer.output.splitlines()) > 4  # a sentence besides usage and options


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, twinvouch.app.cli as c\n"
        "try:\n    c.main(['--help'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'numpy', 'fastapi', 'pydantic', 'uvicorn', 'httpx', 'nacl', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stderr.strip() == "[]"


def test_the_statuses_to_ask_for_are_those_there_are() -> None:
    assert set(commands_verb.STATUSES) == {s.value for s in CommandStatus}


def test_the_standings_to_ask_for_are_those_there_are() -> None:
    assert set(advice_verb.STANDINGS) == {s.value for s in Standing}


def ended(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[object, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(args)
    return end.value.code, capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "data")

    monkeypatch.setattr(cli.cli, "main", fails)
    assert ended(capsys) == (5, "twinvouch: `data`: Permission denied\n")


def test_what_should_not_be_possible_is_called_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(cli.cli, "main", fails)
    code, said = ended(capsys)
    assert code == cli.BUG
    assert "this is a bug" in said.splitlines()[-1]


def test_a_taken_port_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = starter.template("p").replace("port: 8710, allowed", f"port: {port}, allowed")
        starter.write(tmp_path, text)
        with pytest.raises(UnavailableError, match=f"cannot listen on 127.0.0.1:{port}"):
            run(tmp_path / "twin.yaml")
    assert not (tmp_path / "data").exists()
