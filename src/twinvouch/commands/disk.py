"""Is there room for what a command leaves behind: decision, permit, outcome. Without it nothing is written to the plant.

What is recorded while the disk is full comes from its reserve, which is for what people say and for refusals. A
held command is held on: the room may come back before its hold expires. A safe action is carried out, and recorded
from the reserve.
"""

from twinvouch.commands.view import View
from twinvouch.core.command import Reason, Verdict

NAMES = ("disk",)


def check(view: View) -> tuple[Reason, ...]:
    """A denial while the core's disk is full."""
    if not view.context.is_disk_full or view.is_safe:
        return ()
    verdict = Verdict.HOLD if view.is_again else Verdict.DENY
    sentence = "the disk of the core is full: no command is carried out that could not be recorded"
    return (Reason("disk", verdict, sentence, "would be judged if there was room on the disk"),)
