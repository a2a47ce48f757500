"""Whatever happens to the bytes of a log, it gives back what was written, says what went, or refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.core.errors import CorruptError, UsageError

RECORDS = [bytes([i]) * (i * 7 % 40) for i in range(12)]


@contextmanager
def written() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        directory = Path(name)
        log = SegmentLog(directory, segment_bytes=250)
        for record in RECORDS:
            log.append(record)
            log.sync()
        log.close()
        yield directory


def read(directory: Path, known: int | None) -> tuple[list[bytes], tuple[str, ...]] | None:
    """Records and repairs, or None where the log was refused."""
    log = None
    try:
        log = SegmentLog(directory, segment_bytes=250, known=known)
        return [record for _, record in log.records()], log.repairs
    except (CorruptError, UsageError):
        return None
    finally:
        if log is not None:
            log.close()


damage = st.one_of(
    st.tuples(st.just("overwrite"), st.integers(0, 2**16), st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("insert"), st.integers(0, 2**16), st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("remove"), st.integers(0, 2**16), st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("append"), st.integers(0, 2**16), st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("delete"), st.integers(0, 2**16), st.just(b"")),
    st.tuples(st.just("swap"), st.integers(0, 2**16), st.just(b"")),
)


def apply(directory: Path, kind: str, place: int, content: bytes) -> bool:
    """Do one damage; False where it changed nothing."""
    paths = sorted(directory.glob("*.seg"))
    path = paths[place % len(paths)]
    raw = path.read_bytes()
    at = (place // len(paths)) % max(1, len(raw))
    changed = {
        "overwrite": raw[:at] + content + raw[at + len(content) :],
        "insert": raw[:at] + content + raw[at:],
        "remove": raw[:at] + raw[at + len(content) :],
        "append": raw + content,
    }
    if kind == "delete":
        path.unlink()
    elif kind == "swap":
        first, last = paths[0].read_bytes(), paths[-1].read_bytes()
        paths[0].write_bytes(last)
        paths[-1].write_bytes(first)
        return first != last
    else:
        path.write_bytes(changed[kind])
        return changed[kind] != raw
    return True


@settings(max_examples=80, deadline=None)
@given(st.lists(damage, min_size=1, max_size=3), st.booleans())
def test_damage_never_gives_a_record_that_was_not_written(
    damages: list[tuple[str, int, bytes]],
    knows: bool,  # noqa: FBT001
) -> None:
    with written() as directory:
        done = [apply(directory, *d) for d in damages if any(directory.glob("*.seg"))]
        assume(any(done))
        found = read(directory, len(RECORDS) if knows else None)
        if found is None:
            return
        records, _ = found
        assert records == RECORDS[: len(records)]
        if knows:
            assert records == RECORDS, "acknowledged records are all there, or the log is refused"


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**16), st.integers(0, 7), st.integers(0, len(RECORDS)))
def test_one_flipped_bit_loses_nothing_acknowledged_in_silence(
    place: int, bit: int, known: int
) -> None:
    with written() as directory:
        path = sorted(directory.glob("*.seg"))[place % 3]
        raw = bytearray(path.read_bytes())
        raw[place // 3 % len(raw)] ^= 1 << bit
        path.write_bytes(raw)
        found = read(directory, known)
        if found is not None:
            records, repairs = found
            assert known <= len(records) < len(RECORDS)
            assert records == RECORDS[: len(records)]
            assert len(repairs) == 1
