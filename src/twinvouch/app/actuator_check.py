"""What the actuator process demands of a permit before it writes: all of it, whatever the core decided.

Pure: bytes, a time, the actuator's own limits and its memory go in; Accepted or Refused comes out. The
signature is checked before anything in the permit is believed, and the memory of used permits before
anything is reported about one: what was reported once is never reported differently.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Protocol, TypeAlias

from twinvouch.core.command import Permit
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import Point
from twinvouch.core.keyring import Keyring
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import Sealed, check, unseal
from twinvouch.wire.mode import Notice, is_mode, read_mode
from twinvouch.wire.permit import read_permit
from twinvouch.wire.words import from_words


@dataclass(frozen=True, slots=True)
class OwnPoint:
    """A point that this actuator may write, and between which values (engineering units)."""

    tag: str
    point: Point
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """actuator.yaml as far as it limits: one plant, one permit key or the plant root's key ring, some points.

    `max_ttl_ns`: a permit that is valid for longer than this from now on is refused. With a `ring` it alone says
    which permit keys count; `permit_key` is then empty.
    """

    plant: str
    permit_key: bytes
    max_ttl_ns: int
    points: Mapping[str, OwnPoint]
    ring: Keyring | None = None


class Remembered(Protocol):
    """What the actuator durably knows of earlier permits."""

    @property
    def horizon_ns(self) -> int:
        """Permits that expire at or before this may have been used: single nonces are forgotten."""
        ...

    def is_spent(self, nonce: bytes) -> bool:
        """True for a permit that was used, or refused, before."""
        ...

    def mode_epoch(self, asset: str) -> int:
        """The highest mode epoch that any permit for this asset had; 0 where there was none."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """These words may be written to this point, once, now."""

    permit: Permit
    own: OwnPoint
    value: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not. `permit` is None where the permit key does not vouch for the bytes.

    `is_final`: nothing was said of this permit before, so the core is to be told that it will never be
    carried out. False for a repeated permit: it may have been carried out long ago.
    """

    sentence: str
    permit: Permit | None = None
    is_final: bool = False


Judgement: TypeAlias = Accepted | Refused


def mode_of(raw: bytes, now_ns: int, limits: OwnLimits) -> Notice | None:
    """What the permit key vouches for about a mode; None for everything else, and never raises."""
    try:
        sealed = _vouched(raw, now_ns, limits)
        if not is_mode(sealed.content):
            return None
        return read_mode(sealed.content, limits.plant)
    except (MalformedError, SignatureError):
        return None


def judge(raw: bytes, now_ns: int, limits: OwnLimits, remembered: Remembered) -> Judgement:
    """Judge one sealed permit at `now_ns` (wall clock); never raises for anything in `raw`."""
    try:
        permit = read_permit(_vouched(raw, now_ns, limits).content)
    except (MalformedError, SignatureError) as error:
        return Refused(f"not a permit of this plant: {error}")
    if remembered.is_spent(permit.nonce):
        return Refused("the permit was used before", permit)
    if permit.expires_ns <= remembered.horizon_ns:
        return Refused("the permit is older than the memory of used permits", permit)
    why = _moment(permit, now_ns, limits) or _epoch(permit, remembered) or _place(permit, limits)
    if why:
        return Refused(why, permit, is_final=True)
    own = limits.points[permit.tag]
    return _value(permit, own)


def _vouched(raw: bytes, now_ns: int, limits: OwnLimits) -> Sealed:
    """What the permit key has signed; SignatureError or MalformedError where it has not."""
    sealed = unseal(raw)
    check(sealed, _permit_key(sealed, limits), plant=limits.plant, purpose=Purpose.PERMIT)
    if limits.ring is not None:
        limits.ring.expect(sealed.key_id, Purpose.PERMIT, now_ns)
    return sealed


def _permit_key(sealed: Sealed, limits: OwnLimits) -> bytes:
    """The key to check with: the pinned one, or that of the ring with this id."""
    if limits.ring is None:
        return limits.permit_key
    key = limits.ring.public_key(sealed.key_id)
    if key is None:
        raise SignatureError(f"key {sealed.key_id.hex()} is not in the key list")
    return key


def _moment(permit: Permit, now_ns: int, limits: OwnLimits) -> str:
    if permit.plant != limits.plant:
        return f"the permit is for plant `{permit.plant}`, this is `{limits.plant}`"
    left_s = (permit.expires_ns - now_ns) / 1e9
    if left_s <= 0:
        return f"the permit expired {-left_s:.3f} s ago"
    if permit.expires_ns - now_ns > limits.max_ttl_ns:
        return f"the permit lives {left_s:.1f} s more, the limit is {limits.max_ttl_ns / 1e9:g} s"
    return ""


def _epoch(permit: Permit, remembered: Remembered) -> str:
    seen = remembered.mode_epoch(asset_of(permit))
    if permit.mode_epoch < seen:
        return f"the permit is of mode epoch {permit.mode_epoch}, epoch {seen} has begun"
    return ""


def _place(permit: Permit, limits: OwnLimits) -> str:
    own = limits.points.get(permit.tag)
    if own is None:
        return f"`{permit.tag}` is not a point of this actuator"
    point = own.point
    if _where(permit) != _where(point):
        return f"`{permit.tag}` lies at {_shown(point)}, the permit says {_shown(permit)}"
    return ""


def _value(permit: Permit, own: OwnPoint) -> Judgement:
    try:
        value = from_words(permit.words, own.point)
    except MalformedError as error:
        return Refused(f"the words mean nothing: {error}", permit, is_final=True)
    if not (isfinite(value) and own.low <= value <= own.high):
        why = f"{value:.9g} for `{permit.tag}` is outside {own.low:g}..{own.high:g}"
        return Refused(why, permit, is_final=True)
    return Accepted(permit, own, value)


def asset_of(permit: Permit) -> str:
    """The asset whose mode the permit's epoch belongs to."""
    return permit.tag.rpartition("/")[0]


def _where(place: Permit | Point) -> tuple[object, ...]:
    """Where a value lies, and how it lies there."""
    at = (place.device, place.unit, place.table, place.address)
    return (*at, place.encoding, place.order, place.bit)


def _shown(place: Permit | Point) -> str:
    *parts, bit = _where(place)
    return " ".join(str(part) for part in parts) + ("" if bit is None else f" bit {bit}")
