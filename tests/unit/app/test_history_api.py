"""`twinvouch history` and its route over a core that runs: asked of gate 3, entered in the ledger, page by page."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.app.kept_plant import LEVEL, Kept, configured
from tests.unit.app.test_live_core import Live, closed
from twinvouch.app import retention
from twinvouch.app.cli.compact import command as compact_command
from twinvouch.app.cli.history import command
from twinvouch.app.client import Client, RefusedError
from twinvouch.app.keeper import Keeper
from twinvouch.app.moments import moment_ns, moment_text
from twinvouch.core.errors import NotPermittedError, UnavailableError, UsageError

__all__ = ["closed"]
WHO = """\
  - {{id: vic, kind: person, roles: [viewer], token_sha256: {vic}}}
  - {{id: eve, kind: person, roles: [engineer], token_sha256: {eve}}}
  - {{id: ada, kind: person, roles: [analyst], token_sha256: {ada}}}
actuator: {{principal: actuator-1}}
""".format(**{name: sha256(name.encode()).hexdigest() for name in ("vic", "eve", "ada")})


class Site:
    """A core with some days of readings, the tokens of two persons, and the command line."""

    def __init__(self, directory: Path) -> None:
        config = configured(directory)
        text = config.path.read_text("utf-8")
        config.path.write_text(text.replace("actuator: {principal: actuator-1}\n", WHO), "utf-8")
        plant = Kept(configured(directory, "").found_at(config.path))
        config.path.write_text(text.replace("actuator: {principal: actuator-1}\n", WHO), "utf-8")
        for day in range(3):
            plant.send([5.0, 5.0 + day / 1000, 99.0 if day == 1 else 5.0])
            plant.wait(86_400)
        plant.send([5.25])
        plant.close()
        self.sent = sorted(plant.sent)
        self.path = config.path
        self.live = Live(config.path)
        self.live.config.keys_dir.mkdir(exist_ok=True)
        for name in ("vic", "eve", "ada"):
            (self.live.config.keys_dir / f"{name}.token").write_text(name, "ascii")

    def run(self, *words: str, who: str = "eve") -> Result:
        return CliRunner().invoke(command, [*words, "--config", str(self.path), "--as", who])

    def said(self, *words: str) -> list[dict[str, Any]]:
        done = self.run(LEVEL, *words, "--json")
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "plant")
    yield made
    made.live.close()


def test_history_is_shown_from_log_and_chunks_alike(site: Site) -> None:
    whole = site.said("--from", "2026-01-01")
    assert [(r["t_ns"], r["value"]) for r in whole] == [s[:2] for s in site.sent]
    done = CliRunner().invoke(compact_command, ["--config", str(site.path), "--json"])
    assert json.loads(done.stdout)["readings"] == 18
    assert site.said("--from", "2026-01-01") == whole
    flagged = [r for r in whole if r["reasons"]]
    assert [r["value"] for r in flagged] == [99.0]
    assert "range" in {w["rule"] for w in flagged[0]["reasons"]}
    assert flagged[0]["label"]["identity"] == 120
    assert flagged[0]["headline"] == min(flagged[0]["label"].values())


def test_spans_points_the_last_and_where_it_goes_on(site: Site) -> None:
    assert [r["value"] for r in site.said("--last", "2")] == [5.0, 5.25]
    assert [r["value"] for r in site.said()] == [s[1] for s in site.sent]
    (one,) = site.said("--at", "2026-11-27T12:00:00Z")
    assert one["value"] == 99.0
    day = site.said("--from", "2026-11-27", "--to", str(site.sent[4][0]))
    assert [r["t_ns"] for r in day] == [s[0] for s in site.sent[3:5]]
    first = site.run(LEVEL, "--from", "2026-11-01", "--limit", "4", "--csv")
    rows = list(csv.DictReader(first.stdout.splitlines()))
    assert [float(r["value"]) for r in rows] == [s[1] for s in site.sent[:4]]
    place = first.stderr.strip().removeprefix("there is more: --after ")
    assert [r["t_ns"] for r in site.said("--after", place)] == [s[0] for s in site.sent[4:]]


def test_a_read_is_asked_of_gate_3_and_entered_in_the_ledger(site: Site) -> None:
    before = dict(site.live.memory.counts)
    site.said("--last", "1")
    assert site.live.memory.counts["query:allowed"] == before.get("query:allowed", 0) + 1
    denied = site.run("tank-1/other", "--last", "1")
    assert isinstance(denied.exception, NotPermittedError)
    assert "no tag of plant" in str(denied.exception)
    assert site.live.memory.counts["query:denied"] == before.get("query:denied", 0) + 1


def test_what_cannot_be_meant_is_told(site: Site) -> None:
    for words in (("--at", "yesterday"), ("--at", "2026-11-26", "--last", "3"), ("--after", "1.2")):
        refused = site.run(LEVEL, *words).exception
        assert isinstance(refused, RefusedError), refused
        assert "422" in str(refused)


def test_an_answer_is_bounded(site: Site) -> None:
    client = Client(site.live.config, "eve")
    page = client.get(f"/history/{LEVEL}", limit=2)
    assert len(page["readings"]) == 2
    assert page["next"]
    with pytest.raises(RefusedError, match="422"):
        client.get(f"/history/{LEVEL}", limit=10_001)


@pytest.mark.parametrize(
    ("text", "t_ns"),
    [
        ("1795651200000000001", 1795651200000000001),
        ("2026-11-26", 1795651200 * 10**9),
        ("2026-11-26T01:00+01:00", 1795651200 * 10**9),
        ("-5", -5),
    ],
)
def test_moments_are_read(text: str, t_ns: int) -> None:
    assert moment_ns(text) == t_ns


def test_moments_that_are_none_are_told() -> None:
    for text in ("", "now", "2026-13-01", "9" * 30, "١٢"):
        with pytest.raises(UsageError, match="expected nanoseconds since 1970 or ISO 8601"):
            moment_ns(text)
    assert moment_text(1795651200000000001) == "2026-11-26T00:00:00.000000001Z"
    assert moment_text(2**63 - 1).startswith("2262-")


def test_a_running_core_writes_the_history_in_a_process_of_its_own_and_enters_it(
    site: Site,
) -> None:
    keeper = Keeper(site.live.config, site.live.core)
    try:
        assert keeper.once() == 0
    finally:
        keeper.stop()
    keeper.enter()
    for _ in range(200):  # the state store follows the log
        if not list(retention.verify(site.live.config)):
            break
        time.sleep(0.05)
    assert list(retention.verify(site.live.config)) == []
    assert site.live.memory.counts["history:written"] >= 18
    assert len(site.said("--from", "2026-01-01")) == len(site.sent)


def test_a_process_that_is_killed_while_it_looks_is_told_and_started_again(site: Site) -> None:
    whole = site.said("--last", "3")
    (looker,) = children_that_look()
    os.kill(looker, signal.SIGKILL)
    while looker in children_that_look():
        time.sleep(0.01)
    first = site.run(LEVEL, "--last", "3", "--json")
    if first.exit_code:  # it was asked before anybody knew
        assert isinstance(first.exception, UnavailableError)
    assert site.said("--last", "3") == whole
    assert len(children_that_look()) == 1


def test_the_process_that_looks_does_not_outlive_its_input(site: Site) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "twinvouch.app.recall_process", str(site.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    asked = {"form": "columns", "tag": LEVEL, "span": [0, 2**63 - 1], "last": 2, "after": None}
    said, _ = child.communicate(json.dumps({**asked, "limit": 9}).encode() + b"\n", timeout=60)
    assert child.returncode == 0
    assert json.loads(said)["columns"]["value"] == [5.0, 5.25]


def children_that_look() -> list[int]:
    """Our children of that name that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            status = (path.parent / "status").read_text("ascii", errors="replace")
            mine = f"PPid:\t{os.getpid()}\n" in status and "State:\tZ" not in status
            if mine and b"twinvouch.app.recall_process" in path.read_bytes():
                found.append(int(path.parent.name))
    return found
