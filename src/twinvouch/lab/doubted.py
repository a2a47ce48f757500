"""What became of the demo's first act, as the report has it and as lines for people: a lie, what it touched, and the rewind."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Doubt:
    """The act as the report has it.

    `states`, `advice`, `commands`, `executed` and `touched` (all entries) are what the core listed; `exact` says whether
    the second account lists the same entries, with the one advice and without the other. `held` of the executed
    commands the rewind would have held, `trust` and `rewound_trust` are of the tag at the end of the lie.
    """

    tag: str
    lied_m: float
    since_ns: int
    until_ns: int
    disavowal: str
    by: tuple[str, str]
    states: int
    advice: int
    commands: int
    executed: int
    touched: int
    exact: bool
    receipt_of: str
    rewind_faithful: bool
    rewind_decisions: int
    rewind_held: int
    trust: int | None
    rewound_trust: int | None

    @property
    def ok(self) -> bool:
        """The list is exact, and with what is known now no command would have been executed from the lie."""
        return (
            self.exact
            and min(self.states, self.advice, self.commands, self.executed) > 0
            and self.rewind_faithful
            and self.rewind_held == self.executed
            and self.rewound_trust == 0 != self.trust
        )


def lines(d: Doubt) -> Sequence[str]:
    """The act for people."""
    exact = "checked one by one: exact" if d.exact else "NOT EXACT"
    persons = " and ".join(d.by)
    commands = "1 command" if d.commands == 1 else f"{d.commands} commands"
    listed = f"{d.states} states, {d.advice} advice, {commands} ({d.executed} executed)"
    rewound = "faithful" if d.rewind_faithful else "NOT FAITHFUL"
    held = f"of the executed commands {d.rewind_held} of {d.executed} held"
    return (
        f"`{d.tag}` lied by up to {d.lied_m:.2f} m from minute 1 on, found at minute 3",
        f"{persons}: bad since minute 1; {listed} rest on it",
        f"with decisions, outcomes and answers {d.touched} entries, {exact}",
        f"rewind ({rewound}): decisions that would have been different: {d.rewind_decisions}; {held}",
        f"trust in `{d.tag}` at minute 3: {d.trust}, rewound {d.rewound_trust}",
    )
