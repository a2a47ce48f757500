"""`twinvouch break-glass` as people call it, against a core that runs: API, status and command line."""

import json
from pathlib import Path

import pytest

from tests.unit.app.test_cli_config import call
from tests.unit.app.test_live_core import closed, running

__all__ = ["closed"]  # a fixture that closes what the command line leaves open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The starter plant with two engineers and a viewer."""
    call("init", tmp_path, "--plant", "net3")
    config = tmp_path / "twin.yaml"
    for name, role in (("ann", "engineer"), ("eva", "engineer"), ("vic", "viewer")):
        call(
            "principals", "add", name, "--kind", "person", "--role", role, "--token", "--config", config
        )  # fmt: skip
    return config


def glass(path: Path, *args: object, code: int = 0) -> str:
    return call("break-glass", *args, "--config", path, code=code).output


def test_one_asks_another_agrees_and_anybody_closes(path: Path) -> None:
    with running(path) as live:
        assert "nothing is asked for" in glass(path, "show", "--as", "vic")
        why = ("--reason", "gauge dead")
        glass(path, "open", "pump-1", "--person", "vic", *why, code=4)
        asked = glass(path, "open", "pump-1", "--person", "ann", *why, "--minutes", "10")
        assert "asked for: a second person" in asked
        glass(path, "open", "pump-1", "--person", "ann", *why, code=1)
        (row,) = json.loads(glass(path, "show", "--json", "--as", "vic"))
        assert (row["person"], row["is_open"], row["second"]) == ("ann", False, None)
        told = glass(path, "open", "pump-1", "--person", "eva", *why, "--yes")
        assert "asked for by ann" in told
        assert "every use is a finding" in told
        status = json.loads(call("status", "--json", "--as", "vic", "--config", path).output)
        assert status["break_glass"] == ["pump-1"]
        assert "agreed by eva, 0 used" in glass(path, "show", "--as", "vic")
        assert "closed" in glass(path, "close", "pump-1", "--person", "vic", "--reason", "over")
        assert live.memory.glasses == {}
        glass(path, "close", "pump-1", "--person", "vic", "--reason", "over", code=1)


def test_nobody_agrees_without_being_asked(path: Path) -> None:
    with running(path) as live:
        why = ("--reason", "gauge dead")
        glass(path, "open", "pump-1", "--person", "ann", *why)
        glass(path, "open", "pump-1", "--person", "eva", *why, code=130)
        assert not live.memory.glasses["pump-1"].second
        glass(path, "open", "pump-1", "--person", "eva", *why, "--yes", "--minutes", "31", code=1)
        assert not live.memory.glasses["pump-1"].second
