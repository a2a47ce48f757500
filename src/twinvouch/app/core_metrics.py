"""`/metrics` of the core: its counters as Prometheus text, read beside the engine and never through it.

A scrape copies small dicts, each in one step of the interpreter, and takes no lock: the engine does not notice. What
names a part of the plant (edges, assets) is made apart, for readers whom gate 3 has let in. The counters that
the engine keeps are stored with its state, so they go on over a restart; what `metering` measures begins anew.
"""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric

from twinvouch import __version__
from twinvouch.app.core import Core
from twinvouch.app.metric_families import counter, counters, ending, gauge, gauges
from twinvouch.app.metrics_file import Families
from twinvouch.app.process_memory import pss_bytes
from twinvouch.core.advice import Standing
from twinvouch.core.disavowal import Stage
from twinvouch.core.event import Priority
from twinvouch.core.mode import Rung
from twinvouch.engine.episode import Episode
from twinvouch.engine.memory import Memory
from twinvouch.engine.restoring import kind_of

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
VERDICTS: Final = {"permitted": "allow", "held": "hold", "denied": "deny"}
KINDS: Final = ("tag", "edge", "model", "key")
Asset = tuple[str, int, float]  # id, lowest headline of its tags, age of its oldest reading in s


class Counted(Protocol):
    """What the door counts."""

    def totals(self) -> Mapping[str, int]:
        """Refusals by rule since this process began."""
        ...


class CoreMetrics:
    """Answers scrapes of one running core; `collect` fits what prometheus_client calls a collector."""

    def __init__(
        self,
        core: Core,
        audience: Callable[[], Mapping[str, int]],
        strangers: Counted | None = None,
        ends: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._core, self._audience = core, audience
        self._strangers, self._ends = strangers, ends
        self._began_s = time.monotonic()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self, assets: Iterable[Asset] | None = None) -> bytes:
        """The answer to a scrape; `assets` where the reader may know names."""
        parts = [generate_latest(self._registry), generate_latest(self._core.meter.registry)]
        if assets is not None:
            named = CollectorRegistry()
            named.register(Families([*_edges(self._core.engine.memory), *_assets(assets)]))
            parts.append(generate_latest(named))
        return b"".join(parts)

    def collect(self) -> Iterable[Metric]:
        """Everything that names nobody."""
        memory = self._core.engine.memory
        counts = dict(memory.counts)
        yield from _process(time.monotonic() - self._began_s, not self._core.fatal)
        yield from _readings(counts)
        yield from _findings(counts)
        yield from _commands(counts, sum(r.is_open for r in list(memory.records.values())))
        yield from _modes(memory, counts)
        yield from _virtual(list(memory.episodes.values()))
        yield from _durable(self._core)
        yield from _links(memory)
        yield from _advice([g.judged.standing for g in list(memory.advice.values())])
        for audience, number in self._audience().items():
            yield gauge(f"twinvouch_{audience}_streams", f"Open streams of {audience}.", number)
        turned_away = self._strangers.totals() if self._strangers is not None else {}
        yield from _door(turned_away, self._ends())


def assets(memory: Memory, tags: Sequence[str]) -> list[Asset]:
    """Lowest headline and oldest reading of the assets of `tags`; a view, so it runs on the engine's thread."""
    label = memory.label(tags)
    found: dict[str, tuple[int, float]] = {}
    for tag, trust in zip(tags, label.headline()[0].tolist(), strict=True):
        last = memory.frame.last(tag)
        age_s = (memory.now_ns - last.received_ns) / 1e9 if last is not None else float("nan")
        asset = tag.partition("/")[0]
        worst, oldest = found.get(asset, (255, age_s))
        found[asset] = min(worst, trust), max(oldest, age_s)
    return [(asset, trust, age_s) for asset, (trust, age_s) in found.items()]


def _process(uptime_s: float, is_ready: bool) -> Iterable[Metric]:  # noqa: FBT001 (one number of several)
    versions = (__version__, platform.python_version())
    yield gauges(
        "twinvouch_build_info",
        "Always 1; the labels say what runs.",
        ("version", "python"),
        [(versions, 1)],
    )
    yield gauge("twinvouch_ready", "1 while events can be made durable.", is_ready)
    yield gauge("twinvouch_uptime_seconds", "Since this process began.", uptime_s)
    if (pss := pss_bytes()) is not None:
        yield gauge("twinvouch_pss_bytes", "Proportional set size of this process.", pss)


def _readings(counts: Mapping[str, int]) -> Iterable[Metric]:
    rows = [((fate,), counts.get(f"batch:{fate}", 0)) for fate in ("admitted", "repeated")]
    yield counters("twinvouch_batches", "Batches taken by gate 1, by fate.", ("fate",), rows)
    yield counter("twinvouch_readings", "Readings admitted.", counts.get("cells:admitted", 0))
    yield counters(
        "twinvouch_refusals",
        "What was refused of a sender, known or not, by the rule that objected.",
        ("rule",),
        _by(counts, "refusal"),
    )


def _findings(counts: Mapping[str, int]) -> Iterable[Metric]:
    yield counters(
        "twinvouch_findings",
        "Findings by rule and severity, counted ones included.",
        ("rule", "severity"),
        _by(counts, "severity", parts=2),
    )
    yield counters(
        "twinvouch_queries",
        "Reads that gate 3 decided on.",
        ("answer",),
        [((a,), counts.get(f"query:{a}", 0)) for a in ("allowed", "denied")],
    )


def _commands(counts: Mapping[str, int], is_open: int) -> Iterable[Metric]:
    yield counters(
        "twinvouch_command_decisions",
        "Decisions of gate 4, one for each judgement of a command.",
        ("verdict",),
        [((verdict,), counts.get(f"command:{s}", 0)) for s, verdict in VERDICTS.items()],
    )
    yield counter("twinvouch_permits", "Permits made.", counts.get("command:permitted", 0))
    clamped = counts.get("clamp:permitted", 0)
    yield counter("twinvouch_clamped_permits", "Permits of a clamped value.", clamped)
    yield counters(
        "twinvouch_outcomes",
        "Outcomes that the actuator reported.",
        ("status",),
        _by(counts, "outcome"),
    )
    yield counters(
        "twinvouch_lookahead_questions",
        "Questions to models, and what became of them.",
        ("fate",),
        _by(counts, "simulation"),
    )
    yield counters(
        "twinvouch_watchdog",
        "Questions of watchdogs on not acting, what became of them, and what followed.",
        ("what",),
        _by(counts, "watchdog"),
    )
    yield counters(
        "twinvouch_safe_actions",
        "Commands that equal a listed safe action, by what became of each judgement.",
        ("fate",),
        _by(counts, "safe_action"),
    )
    yield counters(
        "twinvouch_break_glass",
        "Break-glass by stage, and permits under it.",
        ("stage",),
        _by(counts, "break_glass"),
    )
    yield counters(
        "twinvouch_key_misuses",
        "Commands that verified and misused a key, by rule; counted where modes.on_key_misuse is set.",
        ("rule",),
        _by(counts, "key_misuse"),
    )
    yield gauge("twinvouch_open_commands", "Commands held or on their way to the plant.", is_open)


def _virtual(episodes: Sequence[Episode]) -> Iterable[Metric]:
    seeing = [e.blind_ns for e in episodes if not e.is_blind]
    yield gauges(
        "twinvouch_virtual_sensors",
        "Tags that do not count and have a virtual sensor: it stands in, or is blind.",
        ("state",),
        [(("standing_in",), len(seeing)), (("blind",), len(episodes) - len(seeing))],
    )
    yield gauge(
        "twinvouch_virtual_time_to_blind_seconds",
        "Until the first estimate that stands in goes blind if nothing changes; infinite without any.",
        max(0.0, (min(seeing) - time.time_ns()) / 1e9) if seeing else inf,
    )


def _advice(standings: Iterable[Standing]) -> Iterable[Metric]:
    counted = Counter(standings)
    yield gauges(
        "twinvouch_advice",
        "Advice that is open, by how it stands.",
        ("standing",),
        [((s.value,), counted[s]) for s in Standing if s is not Standing.EXPIRED],
    )


def _modes(memory: Memory, counts: Mapping[str, int]) -> Iterable[Metric]:
    acting = {t.asset for t in memory.site.plant.tags.values() if t.is_actuator}
    rungs = [memory.mode_of(asset).rung for asset in acting]
    yield gauges(
        "twinvouch_assets_in_mode",
        "Assets with actuators, by mode.",
        ("mode",),
        [((rung.label,), rungs.count(rung)) for rung in Rung],
    )
    yield counters(
        "twinvouch_mode_changes",
        "Changes of the mode of an asset, by what made them.",
        ("cause",),
        _by(counts, "mode"),
    )


def _durable(core: Core) -> Iterable[Metric]:
    depth = list(core.inbox.depth)
    yield gauges(
        "twinvouch_inbox_events",
        "Events that wait for the engine.",
        ("priority",),
        [((p.name.lower(),), depth[p]) for p in Priority],
    )
    yield gauge("twinvouch_ledger_entries", "Entries of the ledger.", core.engine.memory.size)
    yield gauge("twinvouch_tiles_behind_entries", "Entries in no tile yet.", core.tiles_behind)
    yield gauge(
        "twinvouch_state_behind_events",
        "Durable events that the state store has not seen yet.",
        core.state_behind,
    )
    yield gauge("twinvouch_recovered_events", "Events fed again at the last start.", core.recovered)


def _links(memory: Memory) -> Iterable[Metric]:
    plant, links = memory.site.plant, dict(memory.links)
    silent = sum(edge not in links or bool(links[edge].silent) for edge in plant.edges)
    rows = [(("heard",), len(plant.edges) - silent), (("silent",), silent)]
    yield gauges("twinvouch_edges", "Configured edges: heard, or silent.", ("state",), rows)
    ages = [(time.time_ns() - link.received_ns) / 1e9 for link in links.values()]
    yield gauge(
        "twinvouch_edges_oldest_heard_seconds",
        "How long ago the edge was heard that was not heard for longest; 0 without any.",
        max(ages, default=0.0),
    )
    yield gauge("twinvouch_tags", "Tags of the plant.", len(plant.tags))
    kinds = Counter(kind_of(memory, subject) for subject in list(memory.distrusted))
    yield gauges(
        "twinvouch_distrusted",
        "What persons distrust now.",
        ("kind",),
        [((kind,), kinds[kind]) for kind in KINDS],
    )
    stages = [d.stage for d in list(memory.disavowals.values())]
    yield gauges(
        "twinvouch_disavowals",
        "What persons said was bad for a past time, by how it stands.",
        ("stage",),
        [((stage.value,), stages.count(stage)) for stage in Stage],
    )


def _door(turned_away: Mapping[str, int], ends: Mapping[str, float]) -> Iterable[Metric]:
    """What is known before anybody is: whom the door turned away, and how long its certificates hold."""
    yield counters(
        "twinvouch_door_refusals",
        "Requests that the door turned away before authentication, by rule.",
        ("rule",),
        [((rule,), number) for rule, number in turned_away.items()],
    )
    yield ending("twinvouch_certificate_expires_seconds", {}, ends)


def _edges(memory: Memory) -> Iterable[Metric]:
    links = dict(memory.links)
    yield gauges(
        "twinvouch_edge_last_heard_seconds",
        "How long ago a batch of this edge was taken.",
        ("edge",),
        [((e,), (time.time_ns() - link.received_ns) / 1e9) for e, link in links.items()],
    )
    yield gauges(
        "twinvouch_edge_silent_groups",
        "Scan groups of this edge that are silent.",
        ("edge",),
        [((e,), len(link.silent)) for e, link in links.items()],
    )


def _assets(rows: Iterable[Asset]) -> Iterable[Metric]:
    known = list(rows)
    yield gauges(
        "twinvouch_asset_trust",
        "Lowest headline of the asset's tags, 0 to 255.",
        ("asset",),
        [((asset,), trust) for asset, trust, _ in known],
    )
    yield gauges(
        "twinvouch_asset_oldest_reading_seconds",
        "Age of the asset's oldest last reading; NaN where there is none.",
        ("asset",),
        [((asset,), age_s) for asset, _, age_s in known],
    )


def _by(
    counts: Mapping[str, int], kind: str, parts: int = 1
) -> Iterable[tuple[tuple[str, ...], int]]:
    """Rows of the counters `kind:NAME`, in the order in which the engine met them."""
    for key, number in counts.items():
        what, *names = key.split(":")
        if what == kind and len(names) == parts:
            yield tuple(names), number
