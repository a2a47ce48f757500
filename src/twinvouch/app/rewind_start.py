"""The last trusted point: the state before the first moment that is disavowed, from which the log is fed again.

That is the beginning of the log where it is still there, with nothing known; else a backup that was taken before that
moment and is of the same log.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from twinvouch.adapters import log_reader
from twinvouch.adapters.sealed_state import opened_rows
from twinvouch.adapters.sqlite_state import StateReader, open_reader
from twinvouch.app import backup
from twinvouch.app.admitted import Source
from twinvouch.app.config_model import Config
from twinvouch.app.moments import moment_text
from twinvouch.core.errors import GoneError, UsageError
from twinvouch.engine.rows import time_of

_PAGE = 4_096  # leaves
KEEP = (
    "keep the log for longer (`retention.segments_days`), or take backups more often (`twinvouch backup create`): "
    "a rewind begins at the newest one before what was disavowed"
)


@dataclass(frozen=True, slots=True)
class Start:
    """Where feeding begins: the engine's rows, the number of the next log record, how many ledger entries there were."""

    rows: Mapping[str, bytes]
    record: int
    leaves: int
    backup: str = ""


def start_of(config: Config, source: Source, given: Path | None, since_ns: int) -> Start:
    """The last trusted point before `since_ns`; UsageError or GoneError where there is none, with what to do."""
    first = log_reader.first_of(source.log)
    if given is not None:
        start = _of_backup(config, source, given)
        began_ns = time_of(start.rows)
        if began_ns >= since_ns:
            raise UsageError(
                f"backup `{given}` was taken at {moment_text(began_ns)}, after {moment_text(since_ns)}, when what is "
                "disavowed begins: name an earlier one with --from"
            )
        if start.record < first:
            raise GoneError(_missing(first, f"backup `{given}` ends at record {start.record}"))
        return start
    if first:
        raise GoneError(_missing(first, "it does not begin at record 0"))
    return Start({}, 0, 0)


def _missing(first: int, why: str) -> str:
    return (
        f"the event log begins at record {first}, and {why}: what came before is not there to be fed again. Name a backup "
        f"from before what was disavowed with --from. Next time {KEEP}"
    )


def _of_backup(config: Config, source: Source, directory: Path) -> Start:
    """The state in a backup that is whole, signed by the own log key, and of the log that is rewound.

    The plant's keys open it: rows of the state are never shredded.
    """
    key = backup.own_key(config, backup.origin_of(directory))
    backup.check(directory, key, config.plant.id)
    with closing(open_reader(directory / backup.STATE, is_still=True)) as kept:
        stored, end = kept.load()
        _expect_same(source.state, kept, directory)
        return Start(opened_rows(source.vault, stored), end, kept.leaf_count(), str(directory))


def _expect_same(state: StateReader, kept: StateReader, directory: Path) -> None:
    """The entries of the backup are the first ones of the ledger."""
    count = kept.leaf_count()
    for first in range(0, count, _PAGE):
        end = min(first + _PAGE, count)
        if state.leaves(first, end) != kept.leaves(first, end):
            raise UsageError(
                f"backup `{directory}` is of another log: entries {first} to {end - 1} differ from those of this plant"
            )
