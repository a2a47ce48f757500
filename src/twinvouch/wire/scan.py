"""The content of what an actuator tells of requests that its guard proxy refused.

`[1, 20, plant, nonce, since_ns, at_ns, [[device, why, count, peer, [code ...]] ...]]`.
"""

from functools import partial
from typing import Final

from twinvouch.core.errors import MalformedError
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.scan import MOST_SIGHTS, Scan, Sight
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import NONCE, Fields, expect_plant, fields_of, written
from twinvouch.wire.modbus_guard import Why

CODES: Final = 32  # function codes that one line names
_WORDS: Final = frozenset(str(w) for w in Why)
_PEER = 100


def write_scan(scan: Scan, plant: str) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    sights = [[s.device, s.why, s.count, s.peer, list(s.codes)] for s in scan.sights]
    head = (VERSION, Kind.PROXY_SCAN, plant, scan.nonce, scan.since_ns, scan.at_ns)
    return written(encode([*head, sights]), partial(read_scan, plant=plant))


def is_scan(content: bytes) -> bool:
    """True where it says that it is one; it may be malformed."""
    return content[1:3] == bytes((VERSION, Kind.PROXY_SCAN))


def read_scan(content: bytes, plant: str) -> Scan:
    """The report for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.PROXY_SCAN, 7)
    expect_plant(fields, plant)
    nonce = fields.octets("nonce", NONCE)
    since_ns, at_ns = fields.integer("since_ns"), fields.integer("at_ns")
    sights = fields.each("sights", MOST_SIGHTS, lambda each: _sight(each.inner("sight", 5)))
    if not sights:
        raise MalformedError("scan: expected at least one sight")
    return Scan(nonce, since_ns, at_ns, sights)


def _sight(fields: Fields) -> Sight:
    device, why = fields.id("device"), fields.text("why", _PEER)
    if why not in _WORDS:
        raise MalformedError(f"scan: `why`: expected one of {', '.join(sorted(_WORDS))}")
    count = fields.integer("count", 1)
    peer = fields.text("peer", _PEER)
    codes = fields.each("codes", CODES, lambda each: each.integer("code", 0, 255))
    return Sight(device, why, count, peer, codes)
