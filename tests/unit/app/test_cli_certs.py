"""The verbs of the plant's authority: what they write, print and refuse."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from twinvouch.adapters.link_tls import own_name
from twinvouch.app.cli import cli
from twinvouch.core.errors import ConfigError, UsageError


def run(directory: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["certs", *args, "--dir", str(directory / "authority")])


def issue(directory: Path, *args: str) -> Result:
    return run(directory, "issue", *args, "--out", str(directory))


def test_an_authority_issues_lists_and_revokes(tmp_path: Path) -> None:
    assert run(tmp_path, "init", "--plant", "net3").exit_code == 0
    assert issue(tmp_path, "core", "--host", "localhost").exit_code == 0
    assert "edge-1 (client)" in issue(tmp_path, "edge-1", "--days", "30").output
    assert own_name(tmp_path / "edge-1.crt") == ("net3", "edge-1")
    assert (tmp_path / "edge-1.tls.key").stat().st_mode & 0o777 == 0o600
    rows = json.loads(run(tmp_path, "list", "--json").output)
    assert [(r["principal"], r["use"], r["revoked"]) for r in rows] == [
        ("core", "server", None),
        ("edge-1", "client", None),
    ]
    told = run(tmp_path, "revoke", rows[1]["serial"]).output
    assert f"revoked: {rows[1]['serial']}" in told
    assert "revoked already" in run(tmp_path, "revoke", "edge-1").output
    assert json.loads(run(tmp_path, "list", "--json").output)[1]["revoked"]
    assert "BEGIN PRIVATE" not in told


def test_nothing_is_overwritten_and_nothing_is_half_made(tmp_path: Path) -> None:
    assert isinstance(issue(tmp_path, "edge-1").exception, ConfigError)
    run(tmp_path, "init", "--plant", "net3")
    assert isinstance(run(tmp_path, "init", "--plant", "net3").exception, UsageError)
    issue(tmp_path, "edge-1")
    before = (tmp_path / "edge-1.tls.key").read_bytes()
    assert isinstance(issue(tmp_path, "edge-1").exception, UsageError)
    assert (tmp_path / "edge-1.tls.key").read_bytes() == before
    assert len(json.loads(run(tmp_path, "list", "--json").output)) == 1
    for name in ("../edge", "a b"):
        assert isinstance(issue(tmp_path, name).exception, UsageError)


@pytest.mark.parametrize("args", [["init"], ["issue"], ["revoke"], ["issue", "x", "--days", "0"]])
def test_what_is_missing_is_told(tmp_path: Path, args: list[str]) -> None:
    assert run(tmp_path, *args).exit_code == 2
