"""`twinvouch mode` as people call it, against a core that runs: API, stream and command line."""

import json
from pathlib import Path

import pytest

from tests.unit.app.test_cli_config import call
from tests.unit.app.test_live_core import closed, running
from twinvouch.core.mode import Rung

__all__ = ["closed"]  # a fixture that closes what the command line leaves open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The starter plant with an engineer and an operator; a mode may be raised at once."""
    call("init", tmp_path, "--plant", "net3")
    config = tmp_path / "twin.yaml"
    config.write_text(config.read_text("utf-8") + "\nmodes: {dwell_s: 0}\n", "utf-8")
    for name, role in (("ann", "engineer"), ("bob", "operator")):
        call(
            "principals", "add", name, "--kind", "person", "--role", role, "--token", "--config", config
        )  # fmt: skip
    return config


def mode(path: Path, *args: object, code: int = 0) -> str:
    return call("mode", *args, "--as", "bob", "--config", path, code=code).output


def test_down_by_an_operator_up_by_an_engineer(path: Path) -> None:
    with running(path) as live:
        assert "supervised  epoch 0" in mode(path, "show")
        by_bob = ("--person", "bob", "--reason", "unexplained starts")
        assert "pump-1: read-only, epoch 1" in mode(path, "set", "pump-1", "read-only", *by_bob)
        assert live.memory.mode_of("pump-1").rung is Rung.READ_ONLY
        (row,) = [m for m in json.loads(mode(path, "show", "--json")) if m["asset"] == "pump-1"]
        assert (row["mode"], row["by"], row["why"]) == ("read-only", "bob", "unexplained starts")
        assert "bob: unexplained starts" in mode(path, "show")
        mode(path, "set", "pump-1", "supervised", *by_bob, code=4)
        by_ann = ("--person", "ann", "--reason", "repaired")
        mode(path, "set", "pump-1", "autonomous", *by_ann, code=1)
        assert "pump-1: supervised, epoch 2" in mode(path, "set", "pump-1", "supervised", *by_ann)


def test_hours_are_for_autonomy_only(path: Path) -> None:
    said = ("--person", "bob", "--reason", "for a while", "--hours", "2")
    mode(path, "set", "pump-1", "read-only", *said, code=2)
