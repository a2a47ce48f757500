"""What came of one run, small enough to be handed between processes."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Result:
    """Steps are since the run began; a step of -1 never came."""

    scenario: str
    sector: str
    kind: str
    seed: int
    guard: str  # full, off, or the ablation
    gap: bool = False
    legit: int = 0
    blocked: list[int] = field(
        default_factory=list
    )  # steps at which a legitimate command was proposed in vain
    rules: dict[str, int] = field(
        default_factory=dict
    )  # that blocked legitimate commands, how often
    hostile: int = 0  # orders of attackers
    unsafe: list[int] = field(default_factory=list)  # steps at which an unsafe command was executed
    unsafe_safe_actions: int = 0  # safe actions that were executed and unsafe
    stops: int = 0  # emergency stops asked for
    stops_blocked: int = 0
    violated: int = -1
    stepped_down: int = -1
    detected: int = -1
    deviation: float = (
        0.0  # of what lied most, as a share of its range, when it was detected, or at the end
    )
    distrusted: bool = False  # some honest sensor counted for nothing for a while
    tricks: dict[str, int] = field(default_factory=dict)  # how often each end
    engine_ms: list[float] = field(default_factory=list)
    lookahead_ms: list[float] = field(default_factory=list)
