"""/metrics: every number is that of the core, names need a token, and no flood makes it grow without end."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from tests.claims.site import NAMES, make_site
from tests.unit.app.test_api import COSE, Served, token
from twinvouch.app import actuator as actuator_module
from twinvouch.app import actuator_metrics, cli, edge_metrics, metrics_file
from twinvouch.app.actuator import Actuator
from twinvouch.app.api.hub import Hub
from twinvouch.app.core import Core
from twinvouch.app.core_metrics import CoreMetrics
from twinvouch.app.edge import Tally
from twinvouch.app.edge_poll import Polled
from twinvouch.app.edge_ship import Shipped
from twinvouch.app.inbox import Inbox
from twinvouch.app.metering import Meter
from twinvouch.app.metric_families import MOST, OTHER, bounded, gauges
from twinvouch.app.process_memory import pss_bytes
from twinvouch.app.proxy import Proxy
from twinvouch.app.proxy_safe import SafeWrites
from twinvouch.core.event import Priority, Tick
from twinvouch.engine import Engine


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.core.stop()


def numbers(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by name and labels; raises where the text is not Prometheus' own format."""
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return numbers(text)[name, tuple(sorted(labels.items()))]


ENDS = {"own": time.time() + 3_600.0, "authority": time.time() - 100.0}


def full(served: Served) -> CoreMetrics:
    """The metrics of a core with a door and with certificates."""
    served.door.refused("malformed", "10.0.0.9")
    ends = {"own": time.time() + 100.0, "crl": time.time() - 100.0}
    return CoreMetrics(served.core, served.hub.audience, served.door.strangers, lambda: ends)


def resting(core: Any) -> CoreMetrics:
    """The metrics of something that stands like a core and does nothing."""
    stand_in = {"meter": Meter(), "inbox": Inbox(8), "fatal": "", "recovered": 0}
    stand_in |= {"tiles_behind": 0, "state_behind": 0, **core}
    return CoreMetrics(cast("Core", SimpleNamespace(**stand_in)), Hub("toy", None).audience)


def test_a_scrape_counts_what_came_and_what_became_of_it(served: Served) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        raw = served.batch()
        await client.post("/api/v1/ingest", content=raw, headers=COSE)
        await client.post("/api/v1/ingest", content=raw, headers=COSE)
        for _ in range(3):
            await client.post("/api/v1/ingest", content=raw[:-1] + b"\0", headers=COSE)
        command = {"tag": "valve/opening", "value": 0.6, "unit": "1"}
        await client.post("/api/v1/commands", json=command, headers=token("visitor"))
        strangers = served.door.strangers.due(bytes(16), 0)
        assert strangers is not None
        served.core.submit(Priority.STATEMENT, strangers).result(10)
        answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.text
        assert value(text, "twinvouch_batches_total", fate="admitted") == 1
        assert value(text, "twinvouch_batches_total", fate="repeated") == 1
        assert value(text, "twinvouch_readings_total") == 12
        assert value(text, "twinvouch_refusals_total", rule="malformed") == 3
        assert value(text, "twinvouch_door_refusals_total", rule="malformed") == 3
        severe = {"rule": "malformed", "severity": "medium"}
        assert value(text, "twinvouch_findings_total", **severe) == 3
        assert value(text, "twinvouch_command_decisions_total", verdict="deny") == 1
        assert value(text, "twinvouch_permits_total") == 0
        assert value(text, "twinvouch_edges", state="silent") == 1
        assert value(text, "twinvouch_ready") == 1
        assert value(text, "twinvouch_ledger_entries") == served.core.engine.memory.size
        assert value(text, "twinvouch_inbox_events", priority="reading") == 0
        assert value(text, "twinvouch_live_streams") == 0
        assert value(text, "twinvouch_label_seconds_count") == 1
        assert value(text, "twinvouch_answer_seconds_count", priority="reading") == 2
        assert value(text, "twinvouch_log_sync_seconds_count") >= 1
        assert value(text, "twinvouch_group_events_sum") >= 5
        assert value(text, "process_open_fds") > 0

    served.talk(said)


def test_c07_without_a_token_a_scrape_names_nothing_of_the_plant(served: Served) -> None:
    site = served.core.engine.memory.site
    plant = site.plant
    known = {*plant.tags, *plant.edges, *plant.groups, *plant.assets, *NAMES}
    names = {f'"{name}"' for name in known} | {*plant.tags, *plant.edges}

    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)
        text = (await client.get("/metrics")).text
        assert {n for n in names if n in text} == set()
        for wrong in ("nobody", "modeller"):
            answer = await client.get("/metrics", headers=token(wrong))
            assert answer.status_code == {"nobody": 401, "modeller": 403}[wrong]
            assert "twinvouch_" not in answer.text
        counted = served.door.strangers.due(bytes(16), time.time_ns())
        assert counted is not None
        assert dict(counted.rules) == {"unknown_token": 1}, "guessing tokens here shows too"
        named = (await client.get("/metrics", headers=token("cid"))).text
        assert value(named, "twinvouch_edge_last_heard_seconds", edge="edge-1") >= 0
        assert value(named, "twinvouch_edge_silent_groups", edge="edge-1") == 0
        assert value(named, "twinvouch_asset_trust", asset="tank") == 120
        assert value(named, "twinvouch_asset_trust", asset="roof") == 0

    entries = served.core.engine.memory.size
    served.talk(said)
    assert served.core.engine.memory.counts["query:allowed"] == 1
    assert served.core.engine.memory.size == entries + 3, "a batch, a no and a yes; nothing else"


def test_assets_that_a_reader_may_not_read_are_not_named(served: Served) -> None:
    memory = served.core.engine.memory
    secret = replace(memory.site.plant.tags["roof/temperature"], confidentiality=3)
    cast("dict[str, Any]", memory.site.plant.tags)["roof/temperature"] = secret

    async def said(client: httpx.AsyncClient) -> None:
        shown = (await client.get("/metrics", headers=token("cid"))).text
        assert 'asset="tank"' in shown
        assert "roof" not in shown
        assert 'asset="roof"' in (await client.get("/metrics", headers=token("ann"))).text

    served.talk(said)


def test_a_flood_of_rules_and_peers_adds_no_series_without_end() -> None:
    engine = Engine(make_site())
    engine.memory.counts = Counter({f"severity:rule_{i}:high": 1 for i in range(10 * MOST)})
    engine.memory.counts.update({f"refusal:rule_{i}": 2 for i in range(10 * MOST)})
    for i in range(5_000):
        engine.memory.counts["refused"] += 1
        engine.memory.tallies[f"10.0.{i // 256}.{i % 256}"] = cast("Any", None)
    text = resting({"engine": engine}).text().decode()
    assert "10.0." not in text
    found = numbers(text)
    series = [k for k in found if k[0] == "twinvouch_findings_total"]
    assert len(series) == MOST
    assert sum(found[k] for k in series) == 10 * MOST
    assert value(text, "twinvouch_refusals_total", rule=OTHER) == 2 * (9 * MOST + 1)


def test_a_certificate_counts_down_and_goes_below_zero(served: Served) -> None:
    text = full(served).text().decode()
    left = {c: value(text, "twinvouch_certificate_expires_seconds", certificate=c) for c in ("own", "crl")}  # fmt: skip
    assert 0 < left["own"] <= 100
    assert left["crl"] <= -100
    assert value(text, "twinvouch_door_refusals_total", rule="malformed") == 1
    assert "10.0.0.9" not in text


def test_edge_and_actuator_tell_of_the_certificates_of_their_links(tmp_path: Path) -> None:
    of_edge_and_actuator(tmp_path)
    edge = (tmp_path / "edge.prom").read_text("utf-8")
    name, who = "twinvouch_edge_certificate_expires_seconds", {"edge": "edge-1"}
    assert value(edge, name, certificate="own", **who) > 0
    assert value(edge, name, certificate="authority", **who) < 0
    actuator = (tmp_path / "act.prom").read_text("utf-8")
    assert value(actuator, "twinvouch_actuator_certificate_expires_seconds", certificate="own") > 0


def test_hostile_names_stay_inside_their_label() -> None:
    name = 'a"} 1\nevil_total{x="\\\x1b[31m\r\u2028'
    engine = Engine(make_site())
    engine.memory.counts = Counter({f"refusal:{name}": 7})
    text = resting({"engine": engine}).text([(name, 3, 1.0)]).decode()
    assert "\x1b" not in text
    assert "\r" not in text
    rows = [
        k for k in numbers(text) if k[0] in {"twinvouch_refusals_total", "twinvouch_asset_trust"}
    ]
    assert len(rows) == 2
    assert all('a"} 1\\x0aevil_total' in labels[0][1] for _, labels in rows)
    assert not any(k[0].startswith("evil") for k in numbers(text))


def test_what_cannot_be_added_up_is_left_out_beyond_the_limit() -> None:
    rows = [((str(i),), float(i)) for i in range(2 * MOST)]
    assert len(bounded(rows, add=False)) == MOST - 1
    assert sum(bounded(rows).values()) == sum(range(2 * MOST))
    assert len(gauges("x", "y", ("n",), rows).samples) == MOST - 1


def test_the_inbox_knows_what_waits_by_priority() -> None:
    inbox = Inbox(8)
    for priority in (Priority.READING, Priority.COMMAND, Priority.READING):
        inbox.put(priority, Tick(b""))
    assert inbox.depth == [0, 1, 0, 2, 0]
    first = inbox.get()
    assert first is not None
    assert first.priority is Priority.COMMAND
    assert inbox.depth == [0, 0, 0, 2, 0]
    inbox.close()
    assert inbox.depth == [0, 0, 0, 0, 0]


def test_memory_is_read_from_the_kernel_or_not_said(tmp_path: Path) -> None:
    rollup = tmp_path / "smaps_rollup"
    rollup.write_text("55 ---p [rollup]\nRss:   2048 kB\nPss:   1024 kB\n", "ascii")
    assert pss_bytes(rollup) == 1024 * 1024
    assert pss_bytes(tmp_path / "none") is None


def test_a_scrape_waits_for_no_engine(served: Served) -> None:
    """The engine's thread is held up; an anonymous scrape is answered all the same."""
    held = served.core.inbox.ready

    async def said(client: httpx.AsyncClient) -> None:
        with held:
            answer = await asyncio.wait_for(client.get("/metrics"), 10)
        assert answer.status_code == 200

    served.talk(said)


def test_the_reference_lists_every_metric_and_no_other(served: Served, tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"
    cells = re.findall(r"^\| (`[^|]+) \|", page.read_text("utf-8"), re.MULTILINE)
    listed = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    text = full(served).text([("tank", 0, 0.0)]).decode()
    assert {*families(text), *of_edge_and_actuator(tmp_path)} == listed


def families(text: str) -> set[str]:
    found = {f.name for f in text_string_to_metric_families(text)}
    return {
        n
        for n in found
        if not n.endswith("_created") and "r_process_" not in n and "e_process_" not in n
    }


def of_edge_and_actuator(folder: Path) -> set[str]:
    tally = Tally(Polled(), 0, 0, 0, Shipped(), 0)
    journal = SimpleNamespace(unresolved=(), outbox=())
    actuator = cast("Actuator", SimpleNamespace(tally=actuator_module.Tally(), journal=journal))
    metrics_file.write(folder / "edge.prom", "edge", edge_metrics.families("edge-1", tally, ENDS))
    safe = cast("SafeWrites", SimpleNamespace(journal=SimpleNamespace(untold=())))
    told = actuator_metrics.families(actuator, ENDS, Proxy(safe=safe))
    metrics_file.write(folder / "act.prom", "actuator", told)
    return families((folder / "edge.prom").read_text("utf-8")) | families(
        (folder / "act.prom").read_text("utf-8")
    )


def asked_for(query: str) -> set[str]:
    """Every metric that a query names."""
    return set(re.findall(r"\b(?:twinvouch|process)_[a-z_]+", query))


def queries() -> dict[str, list[str]]:
    """The queries of the dashboard and of the alert rules, as the verb prints them."""
    told = {
        what: CliRunner().invoke(cli.cli, ["export", what]).output for what in ("grafana", "alerts")
    }
    board, rules = json.loads(told["grafana"]), yaml.safe_load(told["alerts"])
    return {
        "grafana": [t["expr"] for panel in board["panels"] for t in panel["targets"]],
        "alerts": [r["expr"] for group in rules["groups"] for r in group["rules"]],
    }


@pytest.mark.parametrize("what", ["grafana", "alerts"])
def test_dashboard_and_alerts_name_only_what_there_is(
    what: str, served: Served, tmp_path: Path
) -> None:
    async def said(client: httpx.AsyncClient) -> None:
        await client.post("/api/v1/ingest", content=served.batch(), headers=COSE)

    served.talk(said)
    core = full(served).text([("tank", 0, 0.0)]).decode()
    of_edge_and_actuator(tmp_path)
    files = [(tmp_path / f).read_text("utf-8") for f in ("edge.prom", "act.prom")]
    there = {sample for text in (core, *files) for sample, _ in numbers(text)}
    there |= {"twinvouch_findings_total", "twinvouch_refusals_total", "twinvouch_outcomes_total"}
    named = set().union(*map(asked_for, queries()[what]))
    assert len(named) >= 12
    assert named - there == set()


def test_every_alert_has_a_summary_and_a_line_in_the_how_to() -> None:
    told = CliRunner().invoke(cli.cli, ["export", "alerts"]).output
    page = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "monitor.md"
    rules = [r for group in yaml.safe_load(told)["groups"] for r in group["rules"]]
    listed = re.findall(r"^\| (Twinvouch\w+) \|", page.read_text("utf-8"), re.MULTILINE)
    assert [r["alert"] for r in rules] == listed
    assert all(r["annotations"]["summary"] and r["labels"]["severity"] for r in rules)
