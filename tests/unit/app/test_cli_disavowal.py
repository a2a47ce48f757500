"""`twinvouch distrust --since` and `twinvouch disavowal` as people call them, against a core that runs."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.unit.app.test_cli_config import call
from tests.unit.app.test_live_core import closed, running
from twinvouch.adapters.keys import FileSigner
from twinvouch.app import inventory
from twinvouch.app.client import Client, address_of, token_of
from twinvouch.app.config_model import Config
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

__all__ = ["closed"]
TAG = "tank-1/level"
WAIT_S = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The starter plant with a service, two engineers and a viewer, where six entries take a second person."""
    call("init", tmp_path, "--plant", "net3")
    config = tmp_path / "twin.yaml"
    text = config.read_text("utf-8")
    config.write_text(text + "distrust: {second_person_above: 6}\n", "utf-8")
    for name, kind, role in (
        ("twin", "service", "engineer"),
        ("ann", "person", "engineer"),
        ("bob", "person", "engineer"),
        ("cid", "person", "analyst"),
        ("eve", "person", "viewer"),
    ):
        call(
            "principals", "add", name, "--kind", kind, "--role", role, "--token", "--config", config
        )
    call("principals", "add", "edge-1", "--kind", "edge", "--config", config)
    return config


class Sender:
    """The edge of the plant, and the service, which reads what it sends."""

    def __init__(self, config: Config) -> None:
        self._config, self._plant = config, inventory.plant(config)
        self._seq, self._prev = 0, bytes(32)
        self._signer = FileSigner(config.keys_dir / "edge-1.key")

    def send(self) -> None:
        group = self._plant.groups[self._plant.tags[TAG].group]
        header = Header(
            Kind.BATCH,
            self._plant.id,
            Identity("edge-1", 0, self._seq),
            self._prev,
            Origin.LIVE,
            group.name,
            group.digest,
        )
        t_ns = np.array([time.time_ns()], np.int64)
        content = write_batch(header, group, t_ns, np.full((1, len(group.ids)), 2.0))
        self._seq, self._prev = self._seq + 1, sha256(content).digest()
        raw = seal(content, signer=self._signer, plant=self._plant.id, purpose=Purpose.READINGS)
        Client(self._config).post("/ingest", raw)
        client = Client(self._config, token_of(self._config, "twin"))
        client.get(f"/tags/{TAG}", purpose="control")


def until(said: Callable[[], Any]) -> Any:
    """What it says, as soon as it says something."""
    give_up = time.monotonic() + WAIT_S
    while not (found := said()):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return found


def moment(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def said(path: Path, *args: object, code: int = 0) -> str:
    return call(*args, "--config", path, code=code).output


def distrust(path: Path, since_ns: int, *args: object, code: int = 0) -> str:
    since = ("--since", moment(since_ns), "--person", "ann")
    return said(path, "distrust", TAG, *since, *args, code=code)


def disavowal(path: Path, *args: object, code: int = 0) -> str:
    return said(path, "disavowal", *args, code=code)


def in_stage(path: Path, ident: str, stage: str) -> Any:
    found = json.loads(disavowal(path, "show", ident, "--as", "ann", "--json"))
    return found if found["stage"] == stage else None


def test_a_small_one_takes_effect_is_shown_and_is_taken_back(path: Path) -> None:
    begin = time.time_ns() - 2 * 10**9
    with running(path) as live:
        Sender(live.config).send()
        shown = until(lambda: _when_read(distrust(path, begin, "--preview")))
        assert "answered with it: twin, 1 times" in shown
        assert live.memory.disavowals == {}, "nothing was said"
        told = json.loads(distrust(path, begin, "--reason", "it lied", "--yes", "--json"))
        ident = told["id"]
        found = until(lambda: in_stage(path, ident, "in_effect"))
        assert found["counts"] == {"batch": 1, "query": 1}
        assert found["readers"][0]["principal"] == "twin"
        assert found["reason"] == "it lied"
        assert len(bytes.fromhex(found["preview"])) == 32
        kinds = [e["kind"] for e in found["entries"]]
        assert kinds == ["batch", "query"]
        text = disavowal(path, "show", ident, "--as", "ann", "--of", "twin")
        assert "query" in text.splitlines()[-1]
        assert ident in disavowal(path, "list", "--as", "ann", "--stage", "in_effect")
        assert ident not in disavowal(path, "list", "--as", "ann", "--stage", "waiting")
        (row,) = json.loads(said(path, "status", "--as", "ann", "--json"))["disavowals"].items()
        assert row == ("in_effect", 1)
        history = json.loads(said(path, "history", TAG, "--as", "ann", "--json"))
        assert history["headline"] == 0
        assert history["reasons"][-1]["rule"] == "disavowal"
        out = path.parent / "out.csv"
        said(path, "export", "csv", "--tag", TAG, "--as", "cid", "--out", out)
        assert "disavowal: disavowed from" in out.read_text("utf-8")
        disavowal(path, "confirm", ident, "--person", "bob", "--reason", "x", "--yes", code=1)
        assert disavowal(path, "withdraw", ident, "--person", "bob", "--reason", "x") == "withdrawn\n"  # fmt: skip
        history = json.loads(said(path, "history", TAG, "--as", "ann", "--json"))
        assert history["reasons"] == []
        assert history["headline"] > 0


def _when_read(shown: str) -> str:
    return shown if "query" in shown else ""


def test_a_large_one_waits_and_every_no_has_its_exit_code(path: Path) -> None:
    begin = time.time_ns() - 2 * 10**9
    with running(path) as live:
        sender = Sender(live.config)
        for _ in range(4):
            sender.send()
        told = distrust(path, begin, "--reason", "it lied", "--yes")
        ident = told.splitlines()[-1].split()[1].rstrip(":")
        found = until(lambda: in_stage(path, ident, "waiting"))
        assert found["touched"] == 8
        by = ("--reason", "x")
        disavowal(path, "confirm", ident, "--person", "ann", *by, "--yes", code=1)
        disavowal(path, "confirm", ident, "--person", "eve", *by, "--yes", code=4)
        disavowal(path, "list", "--as", "eve", code=4)
        disavowal(path, "show", "1", "--as", "ann", code=1)
        done = disavowal(path, "confirm", ident, "--person", "bob", *by, "--yes")
        assert done.endswith("in_effect\n")
        one = disavowal(path, "withdraw", ident, "--person", "ann", *by)
        assert one == "in_effect: a second person is to withdraw it, too\n"
        assert disavowal(path, "withdraw", ident, "--person", "bob", *by) == "withdrawn\n"
        disavowal(path, "reject", ident, "--person", "bob", *by, code=1)
        scraped = httpx.get(f"{address_of(live.config)}/metrics", trust_env=False).text
        assert 'twinvouch_disavowals{stage="withdrawn"} 1.0' in scraped
        distrust(path, begin, "--yes", code=2)
        distrust(path, begin, "--hours", "1", "--reason", "x", code=2)
        said(path, "distrust", TAG, "--person", "ann", "--preview", code=2)
        said(path, "distrust", TAG, "--person", "ann", code=2)


def test_what_was_not_traced_is_traced_after_a_restart(path: Path, monkeypatch: Any) -> None:
    begin = time.time_ns() - 2 * 10**9
    with monkeypatch.context() as patched:
        patched.setattr("twinvouch.app.tracing.Tracer.take", lambda *_: None)
        with running(path) as live:
            Sender(live.config).send()
            told = json.loads(distrust(path, begin, "--reason", "it lied", "--yes", "--json"))
            assert in_stage(path, told["id"], "tracing")["touched"] is None
    with running(path):
        assert until(lambda: in_stage(path, told["id"], "in_effect"))["touched"] == 2
