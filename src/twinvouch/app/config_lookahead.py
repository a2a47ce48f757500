"""Settings of `lookahead:`, the models that commands are tried on before they are allowed."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from twinvouch.app.config_types import FileName, Frozen, Id, Name, Positive, Range, Seconds, TagId


def _reference(text: str) -> str:
    module, _, name = text.partition(":")
    parts = [*module.split("."), name]
    if not all(part.isidentifier() for part in parts):
        raise ValueError("a class as `module:Class`, such as `twinvouch.twin.tank:Tank`")
    return text


def _factor(factor: float) -> float:
    if factor == 0:
        raise ValueError("any number but 0")
    return factor


Factor = Annotated[float, AfterValidator(_factor)]


class SourceSettings(Frozen):
    """One of the `tags` of a model: what a quantity of it is read from."""

    tag: TagId
    error: Annotated[float, Field(ge=0)] = 0.0
    drift_per_h: Annotated[float, Field(ge=0)] = 0.0
    factor: Factor = 1.0
    offset: float = 0.0


class WatchdogActionSettings(Frozen):
    """One of the `safe` actions of a watchdog."""

    tag: TagId
    value: float


class WatchdogSettings(Frozen):
    """`watchdog:` of a model, what is done where not acting leads out of the limits."""

    every_s: Seconds = 300.0
    warn_s: Seconds = 3_600.0
    action: Literal["advice", "step_down", "safe_action"] = "advice"
    safe: Annotated[tuple[WatchdogActionSettings, ...], Field(max_length=100)] = ()
    unanswered: Annotated[int, Field(ge=1, le=1_000)] = 3


class LookaheadSettings(Frozen):
    """One of `lookahead:`, a model, what it starts from, and the actuators whose commands are tried on it."""

    model: Annotated[str, Field(max_length=400), AfterValidator(_reference)]
    data: FileName | None = None
    numbers: Annotated[dict[Name, float], Field(default_factory=dict, max_length=1_000)]
    tags: Annotated[dict[Name, SourceSettings], Field(max_length=10_000)]
    actuators: Annotated[dict[TagId, Name], Field(min_length=1, max_length=1_000)]
    limits: Annotated[dict[Name, Range], Field(min_length=1, max_length=1_000)]
    horizon_h: Annotated[float, Field(gt=0, le=240)] = 6.0
    tau_s: Seconds = 3_600.0
    step_s: Seconds = 300.0
    demand: Annotated[float, Field(ge=0, lt=1)] = 0.06
    members: Literal["paired", "each"] = "paired"
    tolerance: Positive = 0.001
    window_s: Seconds = 3_600.0
    deadline_ms: Annotated[int, Field(ge=10, le=600_000)] = 2_000
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    memory_mib: Annotated[int, Field(ge=128, le=65_536)] = 1_024
    watchdog: WatchdogSettings | None = None
    second: Id | None = None

    @property
    def horizon_s(self) -> float:
        """The horizon in seconds."""
        return self.horizon_h * 3_600
