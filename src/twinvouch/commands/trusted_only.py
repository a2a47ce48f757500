"""A frame as far as it is trusted: what untrusted readings say is not there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinvouch.commands.capability import required
from twinvouch.commands.view import Snapshot, Target, View
from twinvouch.core.label import Label
from twinvouch.core.virtual import Axes, reaches


@dataclass(frozen=True, slots=True)
class TrustedOnly:
    """Values of tags below `demands` on any axis, of distrusted and of stale ones are None."""

    frame: Snapshot
    demands: tuple[int, int, int, int]
    distrusted: Mapping[str, int]
    now_ns: int

    @staticmethod
    def of(view: View, target: Target) -> "TrustedOnly":
        """By the demands of the actuator's class."""
        return TrustedOnly(view.frame, required(target.rule), view.context.distrusted, view.now_ns)

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        """As the frame has it."""
        return self.frame.label(tag_ids, now_ns)

    def label_of(self, tag_id: str, now_ns: int) -> tuple[Axes, int]:
        """As the frame has it."""
        return self.frame.label_of(tag_id, now_ns)

    def value(self, tag_id: str) -> float | None:
        """None where it is not trusted now."""
        if self.distrusted.get(tag_id, 0) > self.now_ns:
            return None
        axes, _ = self.frame.label_of(tag_id, self.now_ns)
        return self.frame.value(tag_id) if reaches(axes, self.demands) else None

    def entry(self, tag_id: str) -> int:
        """As the frame has it."""
        return self.frame.entry(tag_id)
