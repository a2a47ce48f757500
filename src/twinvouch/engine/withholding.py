"""Why no permit may be issued at all now, whatever the command."""

from collections.abc import Mapping
from typing import Final

from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import KeyRefusedError
from twinvouch.core.kind import Purpose
from twinvouch.core.site import Safety
from twinvouch.engine.memory import Memory

SIGNATURES: Final = 2  # persons who sign a configuration


def withheld(m: Memory) -> tuple[tuple[str, str], ...]:
    """Rules and sentences; empty where permits may be issued."""
    return (*_unsigned(m), *_permit_key(m))


def signers(m: Memory, safety: Safety) -> Mapping[str, bytes]:
    """Who may sign a configuration now: those of the last signed one, at first those of the present one."""
    return m.signed.signers if m.signed.number else safety.signers


def _unsigned(m: Memory) -> tuple[tuple[str, str], ...]:
    safety = m.site.safety
    if safety is None or m.signed.digest == safety.digest:
        return ()
    last = f"differs from number {m.signed.number}" if m.signed.number else "was never signed"
    may = ", ".join(sorted(signers(m, safety))[:10]) or "nobody yet"
    why = (
        f"what this core runs with (limits, interlocks, classes, keys, roles) {last}: {SIGNATURES} persons "
        f"with role safety-signer ({may}) sign it, `twinvouch config sign --by PERSON`"
    )
    return (("config_signed", why),)


def _permit_key(m: Memory) -> tuple[tuple[str, str], ...]:
    if m.ring is None or not m.site.permit_key:
        return ()
    try:
        m.ring.expect(key_id(m.site.permit_key), Purpose.PERMIT, m.now_ns)
    except KeyRefusedError as error:
        why = f"the permit key does not count: {error}; `twinvouch keys rotate permit` makes a new one"
        return (("permit_key", why),)
    return ()
