"""Forward distrust: what a person says of a subject counts as nothing from now on, for a time, and can be taken back."""

from collections.abc import Sequence

from twinvouch.core.statement import Statement, Verb
from twinvouch.engine.again import trust_changed
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Entered, Out
from twinvouch.engine.upheld import uphold


def take(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    """A statement that was entered: `distrust` or `restore`."""
    if said.verb is Verb.DISTRUST:
        m.distrusted[said.subject] = said.expires_ns
    else:
        m.distrusted.pop(said.subject, None)
    uphold(m)
    m.dirty.add("distrusted")
    out.reply(
        200, status=said.verb.value, tag=said.subject, until_ns=m.distrusted.get(said.subject, 0)
    )
    changed(m, out, said.subject, (by.entry,))


def changed(m: Memory, out: Out, subject: str, because: Sequence[int]) -> None:
    """Judge again what rests on it; `because` are the entries of the statements that changed it."""
    trust_changed(m, out, (subject,), because)
