"""May any permit be issued at all now? Not under a configuration that two persons have not signed, nor with a permit key that does not count.

What is withheld is known to the engine and comes in with the context; no command, person or label changes it.
"""

from twinvouch.commands.view import View
from twinvouch.core.command import Reason, Verdict

NAMES = ("config_signed", "permit_key")


def check(view: View) -> tuple[Reason, ...]:
    """A denial for everything that withholds permits."""
    return tuple(Reason(rule, Verdict.DENY, why) for rule, why in view.context.withheld)
