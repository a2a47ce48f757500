"""`twinvouch doctor`: a machine and its configurations, looked over in one go.

Every check gives at least one line: ok, warn or fail, what was found, and what to do. Nothing is changed: files are
read, one file is written and removed in the data directory to time a flush, the core is asked over its API.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.config_model import Config
from twinvouch.core.errors import TwinvouchError


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"  # it works, or cannot be told, and somebody should look
    FAIL = "fail"  # something will not work, or is not safe


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the report; `do` says what to do, empty where nothing is to be done."""

    check: str
    status: Status
    said: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked over; a configuration is None where there is no file or it cannot be used."""

    config_path: Path
    actuator_path: Path
    config: Config | None
    actuator: ActuatorConfig | None
    devices: bool = False  # whether devices may be read


Check = Callable[[Patient], Iterator[Found]]


def ok(check: str, said: str) -> Found:
    """A line that needs nothing."""
    return Found(check, Status.OK, said)


def warn(check: str, said: str, do: str) -> Found:
    """A line that somebody should look at."""
    return Found(check, Status.WARN, said, do)


def fail(check: str, said: str, do: str) -> Found:
    """A line that says why something will not work."""
    return Found(check, Status.FAIL, said, do)


def examine(patient: Patient, checks: Sequence[tuple[str, Check]]) -> Iterator[Found]:
    """Run the checks in order; one that cannot be carried out is itself a finding, never the end of the others."""
    for name, check in checks:
        try:
            yield from check(patient)
        except (TwinvouchError, OSError) as error:
            yield fail(name, str(error), "put this right and run the doctor again")
