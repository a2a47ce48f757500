"""The content of a mode notice: `[1, 19, plant, asset, epoch, rung]`, signed with the permit key.

The core tells the actuator process of every change, so that permits of an older epoch are void at once.
"""

from functools import partial
from typing import NamedTuple

from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.mode import Rung
from twinvouch.wire.cbor import encode
from twinvouch.wire.fields import expect_plant, fields_of, written


class Notice(NamedTuple):
    """Permits for `asset` of an epoch before this one are void; `rung` is for people."""

    asset: str
    epoch: int
    rung: Rung


def is_mode(content: bytes) -> bool:
    """True for what says that it is one; it comes on the stream of permits, under the same key."""
    return content[1:3] == bytes((VERSION, Kind.MODE))


def write_mode(plant: str, asset: str, epoch: int, rung: Rung) -> bytes:
    """The content to sign; UsageError where a field does not fit the format."""
    content = encode([VERSION, Kind.MODE, plant, asset, epoch, int(rung)])
    return written(content, partial(read_mode, plant=plant))


def read_mode(content: bytes, plant: str) -> Notice:
    """The notice for `plant`; MalformedError for anything else."""
    fields = fields_of(content, Kind.MODE, 6)
    expect_plant(fields, plant)
    asset, epoch = fields.id("asset"), fields.integer("epoch")
    return Notice(asset, epoch, Rung(fields.integer("rung", 0, int(Rung.ISOLATED))))
