"""Why a decision is as it is, for people: rule by rule, what it rests on, and where a label that was short comes from.

`around` looks a decision's inputs up in the engine's memory, on its thread; everything else is made of what it gives.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, TypeAlias

from twinvouch.app.api import views
from twinvouch.commands.register import Record
from twinvouch.core.command import Basis, Command, CommandStatus, Decision, Margin, Part
from twinvouch.core.event import Plain
from twinvouch.core.label import Axis
from twinvouch.core.mode import Rung
from twinvouch.engine.memory import Memory

TOLD: Final = 3  # findings of one tag, and inputs of one short axis
Around: TypeAlias = Mapping[str, Mapping[str, Plain]]
Steps: TypeAlias = tuple[Mapping[str, Plain], ...]


def record(m: Memory, ident: str) -> dict[str, Plain] | None:
    """A command that the engine remembers, explained; None for any other."""
    known = m.records.get(ident)
    if known is None:
        return None
    steps: Steps = (
        {"entry": known.entry, "kind": "command"},
        {"entry": known.decision_entry, "kind": "decision"},
    )
    return {**views.command(known), **why(known.decision, around(m, known.decision), steps)}


def tried(command: Command, decision: Decision, found: Around) -> dict[str, Plain]:
    """A command that was only tried, in the same words: it has no id, entry or status."""
    as_if = Record(command, b"", -1, decision, -1, CommandStatus.HELD, 0, 0)
    shown = views.command(as_if)
    nothing = dict.fromkeys(("id", "entry", "decision_entry", "expires_ns", "shown"))
    return {**shown, **nothing, "status": "simulated", **why(decision, found, ())}


def why(decision: Decision, found: Around, steps: Steps) -> dict[str, Plain]:
    """What the view of a command does not tell; `steps` lead from the command to its decision."""
    basis = decision.basis
    if basis is None:
        bare = dict.fromkeys(("class", "mode", "demands", "foreseen"))
        return {**bare, "from": [], "from_left_off": 0, "paths": []}
    return {
        "class": basis.letter,
        "mode": Rung(basis.rung).label,
        "demands": _axes(basis.demands),
        "from": [_input(part, basis.demands) for part in basis.parts],
        "from_left_off": basis.count - len(basis.parts),
        "paths": [p for axis in Axis for p in _paths(axis, decision, basis, found, steps)],
        "foreseen": None if basis.margin is None else _foreseen(basis.margin),
    }


def around(m: Memory, decision: Decision) -> Around:
    """Of each tag that a decision rests on where its value came from, and what was found about it lately."""
    parts = () if decision.basis is None else decision.basis.parts
    return {p.name: _source(m, p) for p in parts if p.name in m.site.plant.tags}


def _source(m: Memory, part: Part) -> dict[str, Plain]:
    group = m.site.plant.groups[m.site.plant.tags[part.name].group]
    last, earlier = m.frame.last(part.name), m.arrivals.get(part.entry)
    received_ns = earlier.received_ns if earlier is not None else None
    if last is not None and last.entry == part.entry:
        received_ns = last.received_ns
    about = ((e, f) for e, _, f in reversed(m.findings) if f.subject == part.name)
    found: list[Plain] = [
        {
            "entry": entry,
            "rule": f.rule,
            "severity": f.severity.name.lower(),
            "sentence": f.sentence,
        }
        for entry, f in islice(about, TOLD)
    ]
    return {
        "kind": "batch",
        "entry": part.entry if part.entry >= 0 else None,
        "edge": group.edge,
        "group": group.name,
        "received_ns": received_ns,
        "findings": found,
    }


def _input(part: Part, demands: Sequence[int]) -> Plain:
    short: list[Plain] = [a.name.lower() for a in Axis if part.axes[a] < demands[a]]
    return {
        "name": part.name,
        "label": _axes(part.axes),
        "why": part.why,
        "entry": part.entry if part.entry >= 0 else None,
        "short": short,
    }


def _paths(
    axis: Axis, decision: Decision, basis: Basis, found: Around, steps: Steps
) -> list[Plain]:
    """From the command down to what set an axis that is below what its class demands, the lowest first."""
    demand = basis.demands[axis]
    if decision.axes[axis] >= demand:
        return []
    low = sorted((p for p in basis.parts if p.axes[axis] < demand), key=lambda p: p.axes[axis])
    return [
        {
            "axis": axis.name.lower(),
            "label": part.axes[axis],
            "demand": demand,
            "name": part.name,
            "why": part.why,
            "path": [*steps, *([found[part.name]] if part.name in found else [])],
        }
        for part in low[:TOLD]
    ]


def _foreseen(margin: Margin) -> Plain:
    return {
        "model": margin.model,
        "quantity": margin.quantity,
        "margin": margin.share,
        "leaves_in_min": margin.at_s / 60 if margin.at_s >= 0 else None,
        "horizon_min": margin.horizon_s / 60,
        "members": margin.members,
        "residual": margin.residual,
        "allowed": margin.allowed,
    }


def _axes(axes: Sequence[int]) -> dict[str, Plain]:
    return {a.name.lower(): axes[a] for a in Axis}
