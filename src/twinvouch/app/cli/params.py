"""Kinds of values that options and arguments of several commands have."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

import click

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[int]):
    """A number and `s`, `m`, `h` or `d`, at most 30 days, as ns."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """In ns."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        seconds = float(match[1]) * _SECONDS[match[2]] if match else 0
        if not 0 < seconds <= 30 * _SECONDS["d"]:
            self.fail(f"`{value}`: expected such as 90s, 30m, 8h or 2d, at most 30d", param, ctx)
        return int(seconds * 1e9)


class Declared(click.ParamType[tuple[str, int | None]]):
    """`TAG` or `TAG=ENTRY`."""

    name = "input"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, int | None]:
        """The tag and the ledger index; None: its newest one."""
        tag, equals, entry = str(value).partition("=")
        if not tag or (equals and not re.fullmatch(r"[0-9]{1,18}", entry)):
            self.fail(f"`{value}`: expected such as tank-1/level or tank-1/level=4711", param, ctx)
        return tag, int(entry) if equals else None


class Finite(click.ParamType[float]):
    """A number that is one."""

    name = "value"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """As float."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"`{value}`: expected a finite number", param, ctx)
        return number


def from_records(f: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what works on recorded readings: `sources`, `period_s`, `time_format`."""
    for option in (
        click.option("--time-format", default="", help="strptime pattern, iso, unix or unix_ms"),
        click.option(
            "--period-s", type=click.FloatRange(min=0.001), help="of a row, as for `learn`"
        ),
        click.option(
            "--from",
            "sources",
            required=True,
            multiple=True,
            help="a wide CSV of readings that can be trusted (several: name it again), or `history`",
        ),
    ):
        f = option(f)
    return f
