"""Reads the event log beside the core that writes it: no lock, and nothing is repaired.

For events of known times: segments that cannot hold one are skipped by the time of their first record.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from twinvouch.adapters import vault as vaults
from twinvouch.adapters.key_store import ErasedError
from twinvouch.adapters.log_reader import firsts
from twinvouch.adapters.segment_file import PLAIN, DamageError, read_header, segment_name, walk
from twinvouch.adapters.vault import Vault
from twinvouch.core.errors import CorruptError, MalformedError
from twinvouch.core.event import Event
from twinvouch.wire.eventlog import read_event, time_of


def events_at(
    directory: Path, times: Collection[int], vault: Vault | None
) -> Iterator[tuple[Event, int, bytes]]:
    """Events that were fed at one of `times`, with their time and the stored record; erased ones are left out."""
    wanted = sorted(times)
    if not wanted:
        return
    asked, starts = set(wanted), firsts(directory)
    begins = [_begin(directory, first, vault) for first in starts]
    for place, first in enumerate(starts):
        ends = next((t for t in begins[place + 1 :] if t is not None), None)
        begin = begins[place]
        if begin is None or wanted[-1] < begin or (ends is not None and wanted[0] > ends):
            continue
        for record in _records(directory, first, vault):
            found = _event(record, asked, vault)
            if found is not None:
                yield (*found, record)


def _begin(directory: Path, first: int, vault: Vault | None) -> int | None:
    """The time of a segment's first record that can be read; None where it has none."""
    for record in _records(directory, first, vault):
        try:
            return time_of(vaults.opened(vault, record, vaults.LOG))
        except ErasedError:
            continue
    return None


def _records(directory: Path, first: int, vault: Vault | None) -> Iterator[bytes]:
    path = directory / segment_name(first)
    try:
        with path.open("rb") as file:
            mark, _ = read_header(file, path, first, PLAIN if vault is None else vault.id)
            for _, record in walk(file, path, mark, first):
                yield record
    except (FileNotFoundError, DamageError):
        return  # it was retired, or this is the tail that is being written


def _event(record: bytes, wanted: set[int], vault: Vault | None) -> tuple[Event, int] | None:
    try:
        plain = vaults.opened(vault, record, vaults.LOG)
    except ErasedError:
        return None
    if time_of(plain) not in wanted:
        return None
    try:
        return read_event(plain)
    except MalformedError as error:
        raise CorruptError(f"the event log: {error}") from None
