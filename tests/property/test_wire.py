"""Every reader of a format, fed anything: a value, MalformedError or SignatureError, nothing else."""

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategies import ARRAYS, MUTATIONS, SCALARS, VALUES, mutated
from tests.unit.wire.samples import (
    ADVICE,
    COMMAND,
    MANIFEST,
    OUTCOME,
    PERMIT,
    PLANT,
    STATEMENT,
    SeedSigner,
    group_of,
    header_of,
    times,
)
from twinvouch.core.batch import Batch, Quality
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import ModelSubmitted, QueryAsked
from twinvouch.core.inventory import Encoding, Point, ScanGroup, Table
from twinvouch.core.kind import Kind
from twinvouch.core.word_order import WordOrder
from twinvouch.wire import cbor, cose, senml
from twinvouch.wire.advice import read_advice, write_advice
from twinvouch.wire.batch import read_batch, read_header, write_batch
from twinvouch.wire.command import read_command, write_command
from twinvouch.wire.eventlog import read_event, write_event
from twinvouch.wire.manifest import read_manifest, write_manifest
from twinvouch.wire.outcome import read_outcome, write_outcome
from twinvouch.wire.permit import read_permit, write_permit
from twinvouch.wire.statement import read_statement, write_statement
from twinvouch.wire.words import from_words, is_exact, to_words, word_count

GROUP = group_of("f8", "u2", "f4", "f8")
UNITS = ("m",) * 4
SIGNER = SeedSigner()
CELLS = np.arange(8.0).reshape(2, 4)
DOUBTS = np.array([[0, 1, 2, 3], [0, 0, 0, 0]], np.uint8)


def read_sealed(raw: bytes) -> object:
    sealed = cose.unseal(raw)
    cose.check(sealed, SIGNER.public_key, plant=PLANT, purpose="readings")
    return sealed


def read_readings(content: bytes, group: ScanGroup = GROUP) -> Batch:
    return read_batch(content, sha256(content).digest(), read_header(content), group, 100)


def read_senml(pack: bytes) -> object:
    return senml.read_pack(pack, GROUP.ids, UNITS, 100)


def columns(quality: np.ndarray | None) -> bytes:
    return write_batch(header_of(GROUP), GROUP, times(2), CELLS, quality)


PACK = senml.write_pack(GROUP.ids, UNITS, (times(2), CELLS, np.where(DOUBTS, Quality.MISSING, 0)))
READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "sealed": (
        read_sealed,
        cose.seal(columns(None), signer=SIGNER, plant=PLANT, purpose="readings"),
    ),
    "batch": (read_readings, columns(None)),
    "batch with quality": (read_readings, columns(DOUBTS)),
    "senml batch": (
        read_readings,
        write_batch(header_of(GROUP, Kind.BATCH_SENML), GROUP, times(2), CELLS),
    ),
    "senml": (read_senml, PACK),
    "command": (lambda c: read_command(c, PLANT), write_command(COMMAND, PLANT)),
    "advice": (lambda c: read_advice(c, PLANT), write_advice(ADVICE, PLANT)),
    "statement": (lambda c: read_statement(c, PLANT), write_statement(STATEMENT, PLANT)),
    "permit": (read_permit, write_permit(PERMIT)),
    "outcome": (lambda c: read_outcome(c, PLANT), write_outcome(OUTCOME, PLANT)),
    "manifest": (lambda c: read_manifest(c, PLANT), write_manifest(MANIFEST, PLANT)),
    "model event": (
        read_event,
        write_event(ModelSubmitted(b"", "p", b"", (("a", bytes(32), ""),)), 7),
    ),
    "query event": (read_event, write_event(QueryAsked(b"", "p", "a", "*", "", ("t",)), 7)),
}
every = pytest.mark.parametrize("name", READERS)


def feed(name: str, raw: bytes) -> None:
    with suppress(MalformedError, SignatureError):
        READERS[name][0](raw)


@every
def test_valid_bytes_are_taken(name: str) -> None:
    read, raw = READERS[name]
    assert read(raw)


@every
@given(raw=st.binary(max_size=80), keep=st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_any_bytes_behind_any_valid_start(name: str, raw: bytes, keep: int) -> None:
    feed(name, READERS[name][1][:keep] + raw)


@every
@given(mutations=MUTATIONS)
@settings(max_examples=80, deadline=None)
def test_bytes_near_valid_ones(name: str, mutations: list[tuple[str, int, bytes]]) -> None:
    feed(name, mutated(READERS[name][1], mutations))


@every
@given(
    changes=st.dictionaries(st.integers(0, 17), VALUES | ARRAYS | st.lists(ARRAYS, max_size=4)),
    more=st.lists(SCALARS, max_size=1),
)
@settings(max_examples=80, deadline=None)
def test_other_elements(name: str, changes: dict[int, cbor.Item], more: list[cbor.Item]) -> None:
    items = cbor.decode(READERS[name][1], canonical=name != "senml")
    feed(name, cbor.encode([changes.get(k, item) for k, item in enumerate(items)] + more))


LABELS = st.sampled_from([-1, -2, -3, -4, -5, -6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, "n", "x_"])
LIKELY = st.one_of(
    st.sampled_from([*GROUP.ids, "", "m", "asset-0/", "level", 1.7e9, 10, True]), SCALARS
)


@given(st.lists(st.dictionaries(LABELS, LIKELY, max_size=6) | VALUES, max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_senml_records(records: list[cbor.Item]) -> None:
    feed("senml", cbor.encode(records))


FLOATS = st.floats(width=64)


@given(st.data(), st.lists(st.sampled_from(["f8", "f4", "i4", "u2", "u1"]), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_a_batch_comes_back_as_its_dtypes_hold_it(data: st.DataObject, dtypes: list[str]) -> None:
    group = group_of(*dtypes)
    rows = data.draw(st.integers(1, 4))
    shape = (rows, len(dtypes))
    size = rows * len(dtypes)
    values = np.array(data.draw(st.lists(FLOATS, min_size=size, max_size=size))).reshape(shape)
    told = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    quality = np.array(told, np.uint8).reshape(shape)
    batch = read_readings(write_batch(header_of(group), group, times(rows), values, quality), group)
    assert np.array_equal(np.isnan(batch.values) | (quality != 3), np.ones(shape, bool))
    with np.errstate(over="ignore"):
        for k, dtype in enumerate(dtypes):
            present = quality[:, k] != Quality.MISSING
            if dtype[0] == "f":
                expected = values[:, k].astype(dtype).astype("f8")
                assert np.array_equal(batch.values[present, k], expected[present], equal_nan=True)
                assert np.array_equal(batch.quality[:, k], quality[:, k])
            else:
                limits = np.iinfo(dtype)
                rounded = np.rint(values[:, k])
                fits = present & (rounded >= limits.min) & (rounded <= limits.max)
                assert np.array_equal(batch.values[fits, k], rounded[fits])
                assert (batch.quality[present & ~fits, k] == Quality.BAD).all()


IDS = st.text(st.characters().filter(str.isprintable), min_size=1, max_size=200)
TIMES = st.integers(0, 2**63 - 1)


@given(
    command=st.builds(
        replace,
        st.just(COMMAND),
        principal=IDS,
        tag=IDS,
        value=st.floats(allow_nan=False, allow_infinity=False),
        made_ns=TIMES,
        reason=st.text(max_size=1_000),
    ),
    plant=IDS,
)
@settings(max_examples=50, deadline=None)
def test_a_command_comes_back(command: object, plant: str) -> None:
    assert read_command(write_command(command, plant), plant) == command


@given(
    advice=st.builds(
        replace,
        st.just(ADVICE),
        principal=IDS,
        subject=IDS,
        says=IDS.filter(str.strip),
        value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        unit=st.text(max_size=200),
        made_ns=TIMES,
        until_ns=TIMES,
    ),
    plant=IDS,
)
@settings(max_examples=50, deadline=None)
def test_advice_comes_back(advice: object, plant: str) -> None:
    assert read_advice(write_advice(advice, plant), plant) == advice


@given(
    st.sampled_from(list(Encoding)),
    st.sampled_from(list(WordOrder)),
    st.tuples(*[st.integers(0, 0xFFFF)] * 4),
)
def test_words_come_back_through_their_value(
    encoding: Encoding, order: WordOrder, four: tuple[int, ...]
) -> None:
    words = four[: word_count(encoding)]
    if encoding is Encoding.BIT:
        words = (words[0] % 2,)
    point = Point("plc", 1, Table.HOLDING, 0, encoding, order=order)
    value = from_words(words, point)
    if np.isfinite(value) and value and is_exact(words, point):
        assert to_words(value, point) == words


STRUCT = {
    Encoding.U16: ("H", 2),
    Encoding.I16: ("h", 2),
    Encoding.U32: ("I", 4),
    Encoding.I32: ("i", 4),
    Encoding.U64: ("Q", 8),
    Encoding.I64: ("q", 8),
    Encoding.F32: ("f", 4),
    Encoding.F64: ("d", 8),
}


def _as_manuals_say(data: bytes, order: WordOrder) -> bytes:
    """ABCD[EFGH] as vendors write it: CDAB swaps words, BADC the bytes of each, DCBA turns all round."""
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    return {
        WordOrder.BIG_ENDIAN: data,
        WordOrder.WORDS_SWAPPED: b"".join(reversed(words)),
        WordOrder.BYTES_SWAPPED: b"".join(word[::-1] for word in words),
        WordOrder.LITTLE_ENDIAN: data[::-1],
    }[order]


@given(st.sampled_from(list(STRUCT)), st.sampled_from(list(WordOrder)), st.binary(min_size=8))
def test_every_number_lies_in_registers_as_struct_packs_it(
    encoding: Encoding, order: WordOrder, raw: bytes
) -> None:
    form, size = STRUCT[encoding]
    (value,) = struct.unpack(">" + form, raw[:size])
    words = struct.unpack(f">{size // 2}H", _as_manuals_say(raw[:size], order))
    point = Point("plc", 1, Table.INPUT, 0, encoding, order=order)
    got = from_words(words, point)
    assert got == float(value) or (got != got and value != value)  # noqa: PLR0124 - NaN
    exact = encoding in {Encoding.F32, Encoding.F64} or got != got or int(got) == value  # noqa: PLR0124
    assert is_exact(words, point) <= exact, "what is called exact is"


@given(st.integers(0, 99_999_999), st.sampled_from(list(WordOrder)))
def test_decimal_digits_are_what_their_hexadecimal_shows(number: int, order: WordOrder) -> None:
    point = Point("plc", 1, Table.HOLDING, 0, Encoding.BCD32, order=order)
    shown = bytes.fromhex(f"{number:08d}")
    words = struct.unpack(">2H", _as_manuals_say(shown, order))
    assert to_words(float(number), point) == words
    assert from_words(words, point) == number
