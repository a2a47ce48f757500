"""What trust costs: labels against the values they belong to, taint forwards and backwards, the ledger against a chain.

Baselines run in the same run: the values are one float64 gather and weighted sum over the same indices, the chain is
one SHA-256 a reading over a packed struct and the hash before it. Rounds alternate, in CPU time; the median of their
ratios counts. Graph and ledger are made from a seed; the ledger's entries have the shape of a plant's: 100,000 batches
of ten edges over 30 days, a service that asks every 100 batches and commands every 1,000.
"""

import struct
from collections.abc import Callable
from hashlib import sha256
from statistics import median
from time import process_time_ns
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.bench import ledger as ours
from twinvouch.core.carried import Carried, carried
from twinvouch.core.graph import Graph, carry, fixed, graph, room, touched
from twinvouch.core.kind import Kind
from twinvouch.core.label import Label
from twinvouch.ledger.affected import Affected, Source, affected
from twinvouch.ledger.lineage import BATCHES, Lineage, Node
from twinvouch.ledger.rests import ALL, NONE, Parent, Rests, bits

SENSORS, STATES, COMMANDS = 50_000, 10_000, 500
FANS: Final = (5, 20)
DOMAINS: Final = (
    256  # failure domains that are told apart: edges, zones, vendors, keys, time sources
)
ROUNDS: Final = 41
LEDGER_BATCHES: Final = 100_000
EDGES: Final = 10
COLUMNS: Final = 50
MONTH_NS: Final = 30 * 86_400 * 10**9
READING: Final = struct.Struct("<IqdB")  # tag, time, value, quality: what a chain a reading packs
CHAINED: Final = 20_000
Figures = dict[str, float | int | bool]


def run() -> Figures:
    """Ratios and milliseconds of labels, topology and taint; the worse of the two fan-ins counts."""
    figures = [_graph(fan) for fan in FANS]
    found: Figures = {}
    for fan, told in zip(FANS, figures, strict=True):
        found |= {f"{name}_fan{fan}": value for name, value in told.items()}
    for name in figures[0]:
        found[name] = max(told[name] for told in figures)
    return {**found, **_retro(), **_chain()}


def _graph(fan: int) -> dict[str, float]:
    chance = np.random.default_rng(fan)
    states = chance.integers(0, SENSORS, (STATES, fan))
    commands = chance.integers(SENSORS, SENSORS + STATES, (COMMANDS, fan))
    levels = [fixed(states, SENSORS), fixed(commands, SENSORS + STATES)]
    of = graph(1, SENSORS, levels)
    values = _Values(of, chance)
    axes = chance.integers(0, 256, (4, SENSORS)).astype(np.uint8)
    label = Label(axes, chance.integers(0, 2**62, SENSORS))
    words, fresh = room(of, label)

    def labels() -> None:
        words[SENSORS:-1], fresh[SENSORS:-1] = 2**32 - 1, 2**62
        carry(of, words, fresh)

    pairs = [(_cpu(labels), _cpu(values.compute)) for _ in range(ROUNDS)]
    sources = _sources(chance)
    seed = np.array([7])
    return {
        "labels_vs_values": median(a / b for a, b in pairs),
        "labels_ms": median(a for a, _ in pairs) / 1e6,
        "values_ms": median(b for _, b in pairs) / 1e6,
        "topology_ms": _median_ms(lambda: carried(of, sources), 7),
        "taint_ms": _median_ms(lambda: touched(of, seed), ROUNDS),
    }


class _Values:
    """The values themselves: a weighted sum over the inputs of each, in the layout of the two in which it is quicker."""

    def __init__(self, of: Graph, chance: np.random.Generator) -> None:
        self.values = chance.normal(size=of.size)
        fans = [fan for level in of.levels for fan in level]
        self.parts = [(f.outputs, f.inputs, chance.normal(size=f.inputs.shape)) for f in fans]
        turned = [
            (o, np.ascontiguousarray(i.T), np.ascontiguousarray(w.T)) for o, i, w in self.parts
        ]
        ways = [(self.parts, "ij,ij->j"), (turned, "ij,ij->i")]
        self.parts, self.sum = min(ways, key=self._cost)

    def compute(self) -> None:
        self._weighted(self.parts, self.sum)

    def _cost(self, way: tuple[Any, str]) -> float:
        return _median_ms(lambda: self._weighted(*way), 9)

    def _weighted(self, parts: Any, sum_: str) -> None:
        for outputs, inputs, weights in parts:
            self.values[outputs] = np.einsum(sum_, self.values.take(inputs), weights)


def _sources(chance: np.random.Generator) -> Carried:
    """Five domains of each sensor, its confidentiality and what it may be used for."""
    domains = np.zeros((SENSORS, DOMAINS // 64), np.uint64)
    for _ in range(5):
        mine = chance.integers(0, DOMAINS, SENSORS)
        domains[np.arange(SENSORS), mine // 64] |= np.uint64(1) << (mine % 64).astype(np.uint64)
    level = chance.integers(0, 4, SENSORS).astype(np.uint8)
    parts, uses = (chance.integers(0, 2**31, SENSORS).astype(np.uint32) for _ in range(2))
    return Carried(domains, level, parts, uses)


LAYOUT: Final = ("group-3", b"columns")
ONE: Final = bits([17], COLUMNS)


def _retro() -> Figures:
    """One sensor that was bad for 30 days, over 100,000 batches, and the same entry by entry."""
    nodes = _month()
    began = process_time_ns()
    of = Lineage()
    for node in nodes:
        of.append(node)
    grew = process_time_ns() - began
    source = Source(columns={LAYOUT: ONE}, groups=frozenset({LAYOUT[0]}))
    took, found = [], None
    for _ in range(5):
        began = process_time_ns()
        found = affected(of, source, 0, MONTH_NS)
        took.append(process_time_ns() - began)
    assert isinstance(found, Affected)
    slow = _brute_force(nodes)
    return {
        "retro_taint_s": median(took) / 1e9,
        "retro_equals_bruteforce": bool((found.touched == slow).all()),
        "retro_entries": len(of),
        "retro_touched": int(found.touched.sum()),
        "retro_executed": len(found.executed(of)),
        "lineage_us_per_entry": grew / len(of) / 1000,
    }


def _month() -> list[Node]:
    chance = np.random.default_rng(3)
    nodes: list[Node] = []
    newest: dict[int, int] = {}
    answers: list[int] = []
    for n in range(LEDGER_BATCHES):
        now_ns, edge = MONTH_NS * n // LEDGER_BATCHES, n % EDGES
        newest[edge] = len(nodes)
        layout = (f"group-{edge}", LAYOUT[1])
        nodes.append(Node(Kind.ENTRY_BATCH, now_ns, f"edge-{edge}", layout=layout, pool=BATCHES))
        if n % 100 == 50:
            shown: list[Parent] = [(at, _some(chance)) for at in newest.values()]
            answers.append(len(nodes))
            rests = Rests(tuple(shown))
            nodes.append(Node(Kind.ENTRY_QUERY, now_ns, "twin", rests, pool="twin", is_done=True))
        if n % 1000 == 999:
            nodes += _acted(chance, newest, len(nodes), answers[-3:], now_ns)
    return nodes


def _acted(
    chance: np.random.Generator,
    newest: dict[int, int],
    me: int,
    answers: list[int],
    now_ns: int,
) -> list[Node]:
    """A command on two groups that rests on the last answers, its decision, permit and outcome."""
    groups = chance.choice(EDGES, 2, replace=False).tolist()
    inputs = tuple((newest[g], _some(chance)) for g in groups)
    rests = Rests(inputs, NONE, answers[0] if chance.random() < 0.3 else NONE)
    kinds = (Kind.ENTRY_DECISION, Kind.ENTRY_PERMIT, Kind.ENTRY_OUTCOME)
    after = [
        Node(kind, now_ns, "", Rests(((me + n, ALL),)), is_done=True)
        for n, kind in enumerate(kinds)
    ]
    return [Node(Kind.ENTRY_COMMAND, now_ns, "twin", rests), *after]


def _some(chance: np.random.Generator) -> bytes:
    return bits(chance.integers(0, COLUMNS, 5).tolist(), COLUMNS)


def _brute_force(nodes: list[Node]) -> NDArray[np.bool_]:
    """Entry by entry, every range written out."""
    derived: list[bool] = []
    bad = [node.layout == LAYOUT for node in nodes]
    answered: list[int] = []
    for me, node in enumerate(nodes):
        hit = False
        for parent, columns in node.rests.parents:
            meets = not columns or any(a & b for a, b in zip(columns, ONE, strict=True))
            hit = hit or derived[parent] or (bad[parent] and meets)
        if node.rests.answers_since != NONE:
            hit = hit or any(derived[a] for a in answered if a >= node.rests.answers_since)
        derived.append(hit)
        if node.pool == "twin":
            answered.append(me)
    return np.array([b or d for b, d in zip(bad, derived, strict=True)])


def _chain() -> Figures:
    """A hash chain with one link a reading, against batches of 10,000 in the ledger."""
    chance = np.random.default_rng(5)
    rows = list(
        zip(
            chance.integers(0, COLUMNS, CHAINED).tolist(),
            range(CHAINED),
            chance.normal(size=CHAINED).tolist(),
            chance.integers(0, 4, CHAINED).tolist(),
            strict=True,
        )
    )
    chained = _median_ms(lambda: _link(rows), 9) * 1e6 / CHAINED
    batch = ours.run_batches()
    return {
        "hash_chain_ratio": chained / batch,
        "hash_chain_ns_per_reading": chained,
        "ledger_ns_per_reading": batch,
    }


def _link(rows: list[tuple[int, int, float, int]]) -> bytes:
    before = bytes(32)
    for row in rows:
        before = sha256(before + READING.pack(*row)).digest()
    return before


def _median_ms(work: Callable[[], object], rounds: int) -> float:
    return median(_cpu(work) for _ in range(rounds)) / 1e6


def _cpu(work: Callable[[], object]) -> int:
    began = process_time_ns()
    work()
    return process_time_ns() - began
