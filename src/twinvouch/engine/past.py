"""What the engine remembers of the past of actuators: bounded, stored row by row, and never silently incomplete."""

from dataclasses import replace

from twinvouch.commands import permitted, present, sequence
from twinvouch.core.batch import Admitted
from twinvouch.core.context import NO_WRITES, ActuatorWrite, Writes
from twinvouch.core.site import Site
from twinvouch.twin.frame import Frame


class PastMemory:
    """`writes` are permits by tag, oldest first; methods give the names of the stored rows that they changed.

    `forgotten` and `forgotten_ns` say until when permits may be missing, of a tag and of all (a restored backup);
    `steady` since when tags are where sequences want them; all ns.
    """

    def __init__(self, site: Site) -> None:
        self._plant = site.plant
        self._keep_ns = permitted.windows(site.plant, site.commands)
        self._watching = sequence.watched(site.plant)  # by scan group
        self.writes: dict[str, tuple[ActuatorWrite, ...]] = {}
        self.columns: dict[str, Writes] = {}  # of `writes`
        self.forgotten: dict[str, int] = {}
        self.forgotten_ns = -1
        self.steady: dict[str, int] = {}

    def add(self, write: ActuatorWrite, frame: Frame, now_ns: int) -> set[str]:
        """Remember a permit, or what became of it; where the actuator could be when it was issued stays with it."""
        tag, known = write.tag, self.columns.get(write.tag, NO_WRITES)
        place, is_known = known.place(write.permit)
        if is_known:
            write = replace(write, before=known.rows[place].before)
        elif not write.is_over:
            now = present.values(self._plant, frame, tag, known.table, now_ns)
            write = replace(write, before=permitted.extremes(now))
        kept, gone_ns = permitted.remembered(known, write, self._keep_ns.get(tag, 0), now_ns)
        changed = {write.permit}
        if len(kept.rows) != len(known.rows) + (not is_known):
            changed |= {w.permit for w in known.rows} - {w.permit for w in kept.rows}
        rows = {f"write/{tag}/{permit}" for permit in changed}
        if gone_ns > self.forgotten.get(tag, -1):
            self.forgotten[tag] = gone_ns
            rows.add("forgotten")
        self._keep(tag, kept)
        return rows

    def restored(self, writes: dict[str, tuple[ActuatorWrite, ...]]) -> None:
        """As they were stored, each in the order of their permits."""
        for tag, rows in writes.items():
            self._keep(tag, Writes.of(tuple(sorted(rows, key=lambda w: w.permit))))

    def _keep(self, tag: str, of: Writes) -> None:
        self.writes[tag], self.columns[tag] = of.rows, of

    def follow(self, admitted: Admitted, frame: Frame, now_ns: int) -> set[str]:
        """Take a batch in, before the frame has it."""
        name = admitted.batch.group
        if name not in self._watching:
            return set()
        group = self._plant.groups[name]
        changed = sequence.follow(self.steady, self._watching[name], admitted, group, frame, now_ns)
        self.steady |= changed
        return {"steady"} if changed else set()

    def take_steady(self, steady: dict[str, int]) -> None:
        """As it was stored; what no sequence asks for any more is forgotten, so that it does not come back later."""
        wanted = {each.key for of in self._watching.values() for each in of}
        self.steady = {key: since for key, since in steady.items() if key in wanted}
