"""What a permit is by, as the engine tells it: break-glass, the list of safe actions, a write that did not show, an estimate."""

from typing import Final

from twinvouch.app.noninterference.watched import ON
from twinvouch.commands import break_glass, safe_action
from twinvouch.commands.register import Record
from twinvouch.commands.view import mandatory
from twinvouch.core.aftermath import OnFailure, Response
from twinvouch.core.command import CORE
from twinvouch.core.glass import found
from twinvouch.engine.memory import Memory
from twinvouch.engine.standing_in import stand_ins

_TOLD: Final = {
    "virtual:stands_in": "estimates_stood_in",
    "virtual:blind": "estimates_blind",
    "response:confirmed": "responses_confirmed",
    "response:missing": "responses_missing",
    "response:unknown": "responses_unknown",
    "response:superseded": "responses_superseded",
    "aftermath:commanded": "followed_by_core",
    "break_glass:opened": "glass_opened",
    "break_glass:used": "glass_used",
    "safe_action:permitted": "safe_actions",
}


def excepted(memory: Memory, record: Record) -> str:
    """What lets it pass by design: `waived`, `listed` or `followed`; empty where it passed as any other.

    That is checked against what was said and signed: the glass is open for who commands, the value is on the list. A watchdog's
    command is no exception, though it is on a list as well: nobody who can be named asked for it, and it does not follow from a write.
    """
    said, decision = record.command, record.decision
    if break_glass.was_waived(decision):
        opened = found(memory.glasses.values(), said.tag, said.principal, memory.now_ns)
        return "" if opened is None else "waived"
    if said.principal == CORE:
        return "" if said.value == ON else "followed"
    if safe_action.was_admitted(decision):
        values = {s.value for s in memory.site.safe.get(said.tag, ())}
        return "listed" if decision.value_of(said) in values else ""
    return ""


def is_estimated(memory: Memory, actuator: str) -> bool:
    """An estimate stands in for what commands to this actuator rest on: by a rule, or as a start of look-ahead."""
    if not memory.site.virtual:
        return False
    ahead = memory.site.ahead.get(actuator)
    starts = () if ahead is None else (s.tag for s in ahead.sources.values())
    rests = {*mandatory(memory.site.plant.tags[actuator]), *starts}
    return not rests.isdisjoint(stand_ins(memory))


def in_play(memory: Memory) -> dict[str, int]:
    """How often what was at work in a run."""
    return {name: memory.counts[kept] for kept, name in _TOLD.items()}


def unshown(memory: Memory) -> dict[str, str]:
    """Commands whose write did not show and whose actuator's asset goes down for that, by what was signed; with the asset."""
    plant, afters = memory.site.plant, memory.site.aftermaths
    return {
        ident: plant.tags[r.command.tag].asset
        for ident, r in memory.records.items()
        if r.response == Response.MISSING
        and (after := afters.get(r.command.tag)) is not None
        and after.expected is not None
        and after.expected.on_failure is OnFailure.STEP_DOWN
    }
