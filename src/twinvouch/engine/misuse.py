"""Misuse of keys: commands for an asset that somebody signed with an enrolled key and may not have signed.

Counted is only what nobody can do without such a key, and once each: a command in the name of another principal, another
command under an id that was used, and one signed with a revoked key, each made just now. What does not verify is a
stranger's, and what was sealed once can be sent again by anybody who saw it: neither counts, or anybody on the network
could take an asset down. Beyond `modes.on_key_misuse` in an hour the asset goes down a rung, and only a person raises it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twinvouch.core.command import Command
from twinvouch.core.errors import MalformedError
from twinvouch.core.keyring import REVOKED, KeyRefusedError
from twinvouch.core.safe import HOUR_NS
from twinvouch.engine.memory import Memory
from twinvouch.engine.modes import step_down
from twinvouch.engine.out import Out
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import unseal

_MARK: Final = 16  # bytes of a digest by which a command is counted once


def note(m: Memory, out: Out, command: Command, digest: bytes, rule: str) -> None:
    """One misuse, by a command that verified; the asset may go down for it."""
    most, tag = m.site.modes.misuses, m.site.plant.tags.get(command.tag)
    off_ns = m.now_ns - command.made_ns
    is_fresh = -m.site.commands.max_ahead_ns <= off_ns <= m.site.commands.max_age_ns
    if not most or tag is None or not tag.is_actuator or not is_fresh:
        return
    lately = [each for each in m.misuses.get(tag.asset, ()) if each[0] > m.now_ns - HOUR_NS]
    if digest[:_MARK] in {mark for _, mark in lately}:
        return
    lately.append((m.now_ns, digest[:_MARK]))
    m.counts[f"key_misuse:{rule}"] += 1
    m.dirty.add("misuses")
    m.misuses[tag.asset] = tuple(lately)
    if len(lately) > most:
        m.misuses[tag.asset] = ()  # what comes from now on counts anew
        why = f"{len(lately)} commands in an hour misused a key, the last one by rule {rule}"
        step_down(m, out, tag.asset, why, [m.size - 1])


def note_refused(m: Memory, out: Out, raw: bytes, error: Exception) -> None:
    """A command whose signature holds and whose key was revoked."""
    if not isinstance(error, KeyRefusedError) or error.rule != REVOKED:
        return
    try:
        sealed = unseal(raw)
        command = read_command(sealed.content, m.site.plant.id)
    except MalformedError:
        return
    note(m, out, command, sealed.digest, REVOKED)


def _read(m: Memory, _: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, told = content
    assert version == 1, version
    m.misuses = {asset: tuple((at, mark) for at, mark in each) for asset, each in told.items()}


def _write(m: Memory, _: str) -> bytes:
    return encode([1, {a: [list(one) for one in each] for a, each in m.misuses.items()}])


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {"misuses": _write}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {"misuses": _read}
