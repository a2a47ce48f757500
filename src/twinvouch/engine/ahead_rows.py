"""What look-ahead, and what waits for the plant to respond, keep between events, as rows of the state store."""

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from twinvouch.commands.foreseen import read_asked, read_trusted, write_asked, write_trusted
from twinvouch.commands.watching import read_watching, write_watching
from twinvouch.core.aftermath import Awaited
from twinvouch.engine.memory import Memory
from twinvouch.wire.cbor import decode, encode


def _write_asked(m: Memory, ident: str) -> bytes | None:
    asked = m.asked.get(ident)
    return None if asked is None else write_asked(asked)


def _read_asked(m: Memory, ident: str, raw: bytes) -> None:
    m.asked[ident] = read_asked(raw)


def _write_trusted(m: Memory, tag: str) -> bytes | None:
    trusted = m.trusted.get(tag)
    return None if trusted is None else write_trusted(trusted)


def _read_trusted(m: Memory, tag: str, raw: bytes) -> None:
    m.trusted[tag] = read_trusted(raw)


def _write_watching(m: Memory, name: str) -> bytes | None:
    watching = m.watching.get(name)
    return None if watching is None else write_watching(watching)


def _read_watching(m: Memory, name: str, raw: bytes) -> None:
    m.watching[name] = read_watching(raw)


def _write_awaited(m: Memory, ident: str) -> bytes | None:
    w = m.awaited.get(ident)
    return None if w is None else encode([2, *astuple(w)])


def _read_awaited(m: Memory, ident: str, raw: bytes) -> None:
    content: Any = decode(raw)
    version, *told = content
    assert version in {1, 2}, version  # 1: without `is_doubted`
    m.awaited[ident] = Awaited(*told)


WRITE: Mapping[str, Callable[[Memory, str], bytes | None]] = {
    "asked": _write_asked,
    "awaited": _write_awaited,
    "trusted": _write_trusted,
    "watching": _write_watching,
}
READ: Mapping[str, Callable[[Memory, str, bytes], None]] = {
    "asked": _read_asked,
    "awaited": _read_awaited,
    "trusted": _read_trusted,
    "watching": _read_watching,
}
