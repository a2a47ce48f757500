"""What became of the checkpoints outside: a finding where too few witnesses stand for them, or one contradicts.

The core goes on without witnesses: they are evidence for later, no condition of guarding a plant.
"""

from twinvouch.core.event import WitnessReported
from twinvouch.core.finding import Finding, Severity
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out

NAMES = ("unwitnessed", "witness_conflict")
ERASED = "T0872"  # Indicator Removal on Host


def on_witness(_: Memory, out: Out, event: WitnessReported) -> None:
    """Enter what the asking of witnesses came to."""
    out.report([_told(event)])
    out.reply(200)


def _told(event: WitnessReported) -> Finding:
    if event.conflict:
        return Finding("witness_conflict", "ledger", Severity.CRITICAL, event.conflict, ERASED)
    numbers = (("entries", float(event.size)), ("witnessed", float(event.witnessed)))
    if event.late:
        why = (
            f"too few witnesses stand for the ledger: {event.witnessed} of {event.size} entries are witnessed; until they "
            "come back there is no evidence against the owner of the core for the rest"
        )
        return Finding("unwitnessed", "ledger", Severity.MEDIUM, why, ERASED, numbers)
    why = f"witnesses stand for the ledger again: {event.witnessed} of {event.size} entries"
    return Finding("unwitnessed", "ledger", Severity.INFO, why, "", numbers)
