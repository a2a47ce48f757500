"""What an actuator tells of refused requests: written, read, and nothing else taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.samples import PLANT
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.scan import MOST_SIGHTS, Scan, Sight
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.modbus_guard import Why
from twinvouch.wire.scan import CODES, is_scan, read_scan, write_scan

SIGHT = Sight("plc-1", "function", 3, "10.0.0.9", (43, 90))
SCAN = Scan(bytes(16), 1, 2, (SIGHT,))


@given(
    st.lists(
        st.builds(
            Sight,
            st.sampled_from(["plc-1", "plc-2"]),
            st.sampled_from([str(w) for w in Why]),
            st.integers(1, 2**40),
            st.sampled_from(["", "::1", "10.0.0.9"]),
            st.lists(st.integers(0, 255), max_size=CODES).map(tuple),
        ),
        min_size=1,
        max_size=MOST_SIGHTS,
    )
)
def test_what_is_written_is_read(sights: list[Sight]) -> None:
    scan = Scan(b"n" * 16, 5, 9, tuple(sights))
    raw = write_scan(scan, PLANT)
    assert is_scan(raw)
    assert read_scan(raw, PLANT) == scan


@pytest.mark.parametrize(
    "but",
    [
        {"sights": ()},
        {"sights": (SIGHT,) * (MOST_SIGHTS + 1)},
        {"nonce": b"short"},
        {"sights": (Sight("plc-1", "because", 1, "", ()),)},
        {"sights": (Sight("plc-1", "unit", 0, "", ()),)},
        {"sights": (Sight("plc-1", "unit", 1, "", (256,)),)},
        {"sights": (Sight("plc-1", "unit", 1, "x" * 101, ()),)},
        {"sights": (Sight("plc\x1b[2J", "unit", 1, "", ()),)},
    ],
)
def test_what_does_not_fit_is_not_written(but: dict[str, object]) -> None:
    whole = {"nonce": SCAN.nonce, "since_ns": 1, "at_ns": 2, "sights": SCAN.sights, **but}
    with pytest.raises(UsageError):
        write_scan(Scan(**whole), PLANT)  # type: ignore[arg-type]


def test_another_plant_or_kind_is_refused() -> None:
    raw = write_scan(SCAN, PLANT)
    with pytest.raises(MalformedError):
        read_scan(raw, "another")
    content = decode(raw)
    assert isinstance(content, list)
    content[1] = 6
    assert not is_scan(encode(content))
    assert not is_scan(b"\xff")
    assert not is_scan(encode(7))
