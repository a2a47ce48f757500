"""What a guard proxy refused by itself, as the actuator process tells the core of it."""

from dataclasses import dataclass

MOST_SIGHTS = 50  # of one report


@dataclass(frozen=True, slots=True)
class Sight:
    """Requests before `device` that the proxy refused for one reason: how many, from whom most came, which function codes.

    `why` is one of the proxy's own words (wire.modbus_guard.Why), never text of a client; `peer` an address.
    """

    device: str
    why: str
    count: int
    peer: str
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """One report of an actuator: what was refused from `since_ns` until `at_ns`. `nonce` lets it count once."""

    nonce: bytes
    since_ns: int
    at_ns: int
    sights: tuple[Sight, ...]
