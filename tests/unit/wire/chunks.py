"""Rows as a chunk holds them, drawn from a seed."""

import numpy as np

from twinvouch.wire.chunk import TAIL, About, Clock, Column, Reason, Rows, footer_span, read_footer

ABOUT = About("net3", "fast", "edge-1", 20_783, ("hall/level", "hall/pump"))
START_NS = 1_795_651_200_000_000_000
KINDS = ("decimal", "walk", "noise", "constant", "hostile")


def rows_of(rows: int, width: int, seed: int) -> Rows:
    """Rows of every kind of value, some MISSING, some BAD with a label and a reason of their own."""
    rng = np.random.default_rng(seed)
    quality = rng.choice(np.array([0, 0, 0, 0, 1, 2, 3], np.uint8), (rows, width))
    values = np.stack([_values(rng, KINDS[k % len(KINDS)], rows) for k in range(width)], axis=1)
    axes = np.full((4, rows, width), 255, np.uint8)
    axes[0], axes[2][quality == 2] = 120, 60
    t_ns = START_NS + np.sort(rng.integers(0, 10**12, rows))
    reasons = [
        Reason(n, "quality", "hall/level", 3, f"`hall/level` said so {n} times", "T0856")
        for n in range(20)
    ]
    clock = Clock(
        t_ns,
        t_ns + rng.integers(0, 10**9, rows),
        np.arange(rows) // 3 + 100,
        np.arange(rows) % 3,
    )
    columns = []
    for k in range(width):
        there = np.flatnonzero(quality[:, k] != 3)
        cells = values[there, k], quality[there, k], axes[:, there, k]
        bad = np.flatnonzero(quality[:, k] == 2)[:20]
        marks = np.stack((bad, np.arange(len(bad))), axis=1)
        told = tuple(reasons[: len(bad)])
        columns.append(Column(there, *cells, np.full(len(there), 10**10), marks, told))
    return Rows(clock, columns, np.array([[0, 1], [rows - 1, 0]]), tuple(reasons[:2]))


def parts_of(raw: bytes) -> list[bytes]:
    """The parts of a whole chunk."""
    start, length = footer_span(raw[:8], raw[-TAIL:], len(raw))
    footer = read_footer(raw[start : start + length], raw[-TAIL:], start)
    return [raw[at : at + size] for at, size in footer.spans]


def _values(rng: np.random.Generator, kind: str, rows: int) -> np.ndarray:
    if kind == "decimal":
        return np.round(rng.normal(20.0, 3.0, rows), 2)
    if kind == "walk":
        return rng.normal(0.0, 0.1, rows).cumsum()
    if kind == "noise":
        return rng.normal(0.0, 1.0, rows).astype(np.float32).astype(np.float64)
    if kind == "constant":
        return np.full(rows, -0.0)
    return rng.integers(-(2**63), 2**63 - 1, rows).view(np.float64)
