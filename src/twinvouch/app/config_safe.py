"""Settings of safe actions (`assets.ID.safe_actions`)."""

from typing import Annotated

from pydantic import AfterValidator, Field

from twinvouch.app.config_types import Frozen, Id, TagId


def _window(text: str) -> str:
    if len(ends := text.split("-")) != 2 or None in (first := [second_of(e) for e in ends]):
        raise ValueError("a window of the UTC day as `06:00-18:00`")
    if first[0] == first[1]:
        raise ValueError("two different times; without windows it is always on the list")
    return text


def second_of(text: str) -> int | None:
    """The second of the day of `HH:MM`, 24:00 included; None where it is no time."""
    hour, _, minute = text.partition(":")
    if len(text) != 5 or not (hour + minute).isascii() or not (hour + minute).isdigit():
        return None
    second = int(hour) * 3_600 + int(minute) * 60
    return second if int(minute) < 60 and second <= 86_400 else None


class SafeActionSettings(Frozen):
    """One of `safe_actions:`, a value that is never refused to an actuator because readings are not trusted."""

    tag: TagId
    value: float
    per_hour: Annotated[int, Field(ge=1, le=60)] = 6
    windows: Annotated[
        tuple[Annotated[str, AfterValidator(_window)], ...], Field(max_length=10)
    ] = ()
    by: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
