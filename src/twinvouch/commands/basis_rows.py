"""The basis of a decision as plain data, for the rows of the state store."""

from typing import Any

from twinvouch.core.command import Basis, Margin, Part


def write_basis(basis: Basis | None) -> list[object] | None:
    """As plain data."""
    if basis is None:
        return None
    m = basis.margin
    margin = (
        None
        if m is None
        else [m.model, m.quantity, m.share, m.at_s, m.horizon_s, m.members, m.residual, m.allowed]
    )
    parts = [[p.name, list(p.axes), p.why, p.entry] for p in basis.parts]
    return [basis.letter, list(basis.demands), basis.rung, parts, basis.count, margin]


def read_basis(content: Any) -> Basis | None:
    """The inverse of `write_basis`."""
    if content is None:
        return None
    letter, demands, rung, parts, count, margin = content
    read = tuple(Part(name, _four(axes), why, entry) for name, axes, why, entry in parts)
    told = None if margin is None else Margin(*margin)
    return Basis(letter, _four(demands), rung, read, count, told)


def _four(axes: Any) -> tuple[int, int, int, int]:
    a, b, c, d = axes
    return a, b, c, d
