import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.verifier.entry import Heading, read_heading


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.text(max_size=300),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(st.binary(max_size=9), max_size=30),
)
def test_any_entry_tells_its_heading(
    version: int, kind: int, plant: str, now_ns: int, rest: list[bytes]
) -> None:
    raw = cbor2.dumps([version, kind, plant, now_ns, *rest], canonical=True)
    assert read_heading(raw) == Heading(version, kind, plant, now_ns)


@given(st.binary(max_size=60))
def test_hostile_bytes_are_a_heading_or_nothing(raw: bytes) -> None:
    assert isinstance(read_heading(raw), Heading | None)


@given(st.integers(0, 20))
def test_a_cut_entry_has_no_heading(size: int) -> None:
    raw = cbor2.dumps([1, 65, "plant", 1_700_000_000_000_000_000])
    assert read_heading(raw[: min(size, len(raw) - 1)]) is None


@pytest.mark.parametrize(
    "value", [[], [1, 65, "p"], {}, [1, 65, b"p", 3], [1, 65, "p", "3"], [1, "65", "p", 3], 7]
)
def test_another_form_has_no_heading(value: object) -> None:
    assert read_heading(cbor2.dumps(value)) is None


def test_a_plant_that_is_not_utf_8_has_no_heading() -> None:
    assert read_heading(b"\x84\x01\x18\x41\x61\xff\x00") is None


def test_a_kind_of_another_version_is_unknown() -> None:
    assert Heading(2, 65, "p", 0).name == "batch", "it says what it rests on since version 2"
    assert Heading(3, 65, "p", 0).name == "unknown kind 3.65"
    assert Heading(2, 69, "p", 0).name == "unknown kind 2.69"
    assert Heading(1, 65, "p", 0).name == "batch"
