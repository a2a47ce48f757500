"""Trust that returns by evidence (R8): a distrusted tag that agrees with independent sources, again and again, is offered.

It counts readings of the tag that nothing objects to, each beside readings of at least two sources which fail neither
with it nor with each other, all of which have spoken anew since the last that was counted, agree, and are themselves
trusted as far as the highest command class demands. One that disagrees begins the count anew. So nothing that the tag
says, or that comes from what shares a failure domain with it, moves the count by itself, and time does not either.

After `clean_readings` of them a finding says that it may be restored; where the configuration says so, it is.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.label import FULL, Axis
from twinvouch.engine import distrusting, restoring
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.upheld import uphold
from twinvouch.engine.watch import Watch

LEAST: Final = 2  # independent sources beside it: with it three, and two never raise (R3)


def follow(m: Memory, out: Out, admitted: Admitted) -> None:
    """A batch that is live now: what it says of the tags that are distrusted."""
    tags, group = m.site.plant.tags, admitted.batch.group
    for tag in [t for t in sorted(m.watched) if t in tags and tags[t].group == group]:
        before = m.watched[tag]
        after = _looked(m, admitted, tag, before)
        if after != before:
            m.watched[tag] = after
            m.dirty.add(f"watched/{tag}")
        if after.clean >= m.site.distrust.clean_readings and not after.is_offered:
            _offer(m, out, tag, after)


def _looked(m: Memory, admitted: Admitted, tag: str, watch: Watch) -> Watch:
    """The watch after this batch: one reading more, or none, or all of them gone."""
    column = m.site.plant.column_of[tag]
    if m.site.plant.groups[admitted.batch.group].by_exception and not _speaks(admitted, column):
        return watch  # it is unchanged, which is no reading
    if not _is_clean(admitted, tag, column):
        return replace(watch, clean=0, is_offered=False)
    enough = [w for w in restoring.witnesses(m, (tag,)) if w.said.independent >= LEAST]
    seen = tuple(m.frame.entry(t) for w in enough for t in w.tags)
    if not enough:
        return watch
    if not all(_agree(m, w) for w in enough):
        return replace(watch, clean=0, is_offered=False)
    is_new = len(seen) != len(watch.seen) or all(
        now > then for now, then in zip(seen, watch.seen, strict=True)
    )
    return replace(watch, clean=watch.clean + 1, seen=seen) if is_new else watch


def _speaks(admitted: Admitted, column: int) -> bool:
    """True where a live row has a reading of it."""
    return bool(np.any(admitted.batch.quality[admitted.in_live, column] != Quality.MISSING))


def _is_clean(admitted: Admitted, tag: str, column: int) -> bool:
    """True where every live row has a good reading of it that no rule objects to."""
    batch, live = admitted.batch, admitted.in_live
    plausible = admitted.label.axes[Axis.PLAUSIBILITY, live, column]
    integral = admitted.label.axes[Axis.INTEGRITY, live, column]
    good = batch.quality[live, column] == Quality.GOOD
    named = any(f.subject == tag and f.severity > Severity.INFO for f in admitted.findings)
    return not named and bool(np.all(good & (plausible == FULL) & (integral == FULL)))


def _agree(m: Memory, w: restoring.Witnesses) -> bool:
    """True where all its witnesses agree with it and with each other, and are trusted enough."""
    demanded, label = restoring.demanded(m), w.label.axes[:, 0].tolist()
    is_trusted = all(axis >= demand for axis, demand in zip(label, demanded, strict=True))
    return w.agrees and w.said.agreeing == w.said.independent and is_trusted


def _offer(m: Memory, out: Out, tag: str, watch: Watch) -> None:
    """Tell that it may be restored, and restore it where the configuration lets evidence do so."""
    m.watched[tag] = replace(watch, is_offered=True)
    parents = sorted({e for e in (watch.entry, m.frame.entry(tag), *watch.seen) if e >= 0})
    said = f"{watch.clean} readings of `{tag}` in a row agree with independent sources"
    if not m.site.distrust.returns_by_evidence:
        found = Finding("restorable", tag, Severity.INFO, f"{said}: a person may restore it")
        out.report([found], parents)
        return
    del m.distrusted[tag]
    uphold(m)
    m.dirty.add("distrusted")
    found = Finding("restored", tag, Severity.INFO, f"restored by evidence: {said}")
    distrusting.changed(m, out, tag, (out.report([found], parents),))
