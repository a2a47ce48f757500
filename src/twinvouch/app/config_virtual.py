"""Settings of `virtual:`, what stands in for a level while its own reading does not count."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from twinvouch.app.config_lookahead import Factor
from twinvouch.app.config_types import Frozen, Positive, Range, Seconds, TagId

Points = tuple[tuple[float, float], ...]


def _rising(points: Points) -> Points:
    for (a, b), (c, d) in pairwise(points):
        if not (a < c and b < d):
            raise ValueError("pairs of which both numbers rise")
    return points


def _growing(points: Points) -> Points:
    for (a, b), (c, d) in pairwise(((0.0, 0.0), *points)):
        if not (a < c and b <= d):
            raise ValueError(
                "pairs [hours, half width] with hours above 0 that rise, and widths that never fall"
            )
    return points


Volume = Annotated[Points, Field(min_length=2, max_length=100), AfterValidator(_rising)]
Growth = Annotated[Points, Field(min_length=1, max_length=100), AfterValidator(_growing)]


class InsteadSettings(Frozen):
    """`instead` of a flow, what it is by what drives it."""

    base: float
    gains: Annotated[dict[TagId, Factor], Field(min_length=1, max_length=10)]


class FlowSettings(Frozen):
    """One of `flows:`, a meter of what fills or empties it."""

    tag: TagId
    factor: Factor
    usual: float | None = None
    mean: bool = False
    instead: InsteadSettings | None = None


class WithoutSettings(Frozen):
    """One of `without:`, how the estimate is off while these meters are lost, too."""

    lost: Annotated[tuple[TagId, ...], Field(min_length=1, max_length=10)]
    growth: Growth
    instead: Growth | None = None


class VirtualSettings(Frozen):
    """One of `virtual:`, the mass balance of the level tag that it is named by."""

    area: Positive | None = None
    volume: Volume | None = None
    flows: Annotated[tuple[FlowSettings, ...], Field(min_length=1, max_length=10)]
    error: Annotated[float, Field(ge=0)]
    growth: Growth | None = None
    without: Annotated[tuple[WithoutSettings, ...], Field(max_length=100)] = ()
    limits: Range | None = None
    max_blind_h: Annotated[float, Field(gt=0, le=240)]
    window_s: Seconds = 3_600.0
    settle_s: Seconds = 3_600.0
    gap_s: Seconds = 300.0
    may_share: tuple[Literal["edge", "zone", "vendor", "key", "time_source"], ...] = ()
