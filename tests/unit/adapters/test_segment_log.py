"""The segment log: what was synced is there again, a torn tail is cut and said, damage is refused."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinvouch.adapters.disk import OsDisk
from twinvouch.adapters.segment_file import HEADER_SIZE, MAX_RECORD, RECORD_HEAD, segment_name
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.core.errors import CorruptError, UnavailableError, UsageError

RECORDS = [b"first", b"", b"x" * 30, b"last one"]


def write(directory: Path, records: Sequence[bytes], segment_bytes: int = 10_000) -> None:
    log = SegmentLog(directory, segment_bytes)
    for record in records:
        log.append(record)
        log.sync()
    log.close()


def read(directory: Path, known: int | None = None) -> tuple[list[bytes], tuple[str, ...]]:
    log = SegmentLog(directory, known=known)
    try:
        pairs = list(log.records())
        assert [n for n, _ in pairs] == list(range(len(pairs)))
        return [r for _, r in pairs], log.repairs
    finally:
        log.close()


def ends(records: Sequence[bytes]) -> list[int]:
    """Offsets at which 0, 1, 2 ... records are whole."""
    offsets = [HEADER_SIZE]
    for record in records:
        offsets.append(offsets[-1] + RECORD_HEAD + len(record))
    return offsets


def test_synced_records_are_there_after_reopening(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    assert read(tmp_path) == (RECORDS, ())
    assert (tmp_path / segment_name(0)).stat().st_mode & 0o777 == 0o600


def test_numbers_continue_and_reading_starts_anywhere(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    log = SegmentLog(tmp_path)
    assert log.append(b"more") == 4
    assert list(log.records(4)) == []
    log.sync()
    assert list(log.records(3)) == [(3, b"last one"), (4, b"more")]
    assert (log.first, log.end) == (0, 5)
    log.close()


def test_what_was_not_synced_is_not_kept(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    log.append(b"synced")
    log.sync()
    log.append(b"not synced")
    log.close()
    assert read(tmp_path) == ([b"synced"], ())


def test_segments_are_started_when_full_and_groups_never_span_two(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, segment_bytes=200)
    for group in range(5):
        for i in range(3):
            log.append(f"{group}.{i}".encode() * 5)
        log.sync()
    log.append(b"y" * 1000)
    log.sync()
    log.close()
    sizes = {int(p.stem): p.stat().st_size for p in sorted(tmp_path.glob("*.seg"))}
    assert list(sizes) == [0, 3, 6, 9, 12, 15]
    assert all(size <= 200 for size in list(sizes.values())[:-1])
    assert len(read(tmp_path)[0]) == 16


def test_whole_segments_are_dropped_but_never_the_last(tmp_path: Path) -> None:
    write(tmp_path, [b"z" * 100] * 6, segment_bytes=300)
    log = SegmentLog(tmp_path, 300)
    assert log.drop_before(3) == 1
    assert log.first == 2
    assert [n for n, _ in log.records(2)] == [2, 3, 4, 5]
    with pytest.raises(UsageError, match="record 0 was dropped, the log begins at 2"):
        list(log.records())
    assert log.drop_before(100) == 1
    assert log.first == 4
    log.close()


def test_segments_are_dropped_by_age_as_the_file_system_has_it(tmp_path: Path) -> None:
    write(tmp_path, [b"z" * 100] * 6, segment_bytes=300)
    for first, age_s in ((0, 10), (2, 20), (4, 5)):
        os.utime(tmp_path / segment_name(first), (age_s, age_s))
    log = SegmentLog(tmp_path, 300)
    assert [log.older_than(s * 10**9) for s in (10, 11, 20, 21, 99)] == [0, 2, 2, 4, 4]
    log.close()


def test_a_segment_that_goes_while_it_is_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, [b"z" * 100] * 6, segment_bytes=300)
    log = SegmentLog(tmp_path, 300)
    reading = log.records()
    assert next(reading)[0] == 0
    log.drop_before(4)
    with pytest.raises(UsageError, match="was dropped while it was read"):
        list(reading)
    (tmp_path / segment_name(4)).unlink()
    with pytest.raises(CorruptError, match="is missing"):
        list(log.records(4))
    log.close()


def test_a_second_opener_is_refused(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    with pytest.raises(UnavailableError, match="in use by another process"):
        SegmentLog(tmp_path)
    log.close()
    SegmentLog(tmp_path).close()


def test_a_closed_log_and_an_oversized_record_are_misuse(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    with pytest.raises(UsageError, match="at most"):
        log.append(bytes(MAX_RECORD + 1))
    log.close()
    log.append(b"x")
    with pytest.raises(UnavailableError, match="closed"):
        log.sync()


def test_file_cut_at_every_byte_keeps_every_whole_record_and_says_what_went(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    path = tmp_path / segment_name(0)
    whole, offsets = path.read_bytes(), ends(RECORDS)
    assert len(whole) == offsets[-1]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size < HEADER_SIZE:
            with pytest.raises(CorruptError, match="offset 0"):
                read(tmp_path)
            continue
        kept = sum(end <= size for end in offsets) - 1
        records, repairs = read(tmp_path)
        assert records == RECORDS[:kept]
        cut = size - offsets[kept]
        assert len(repairs) == (cut > 0)
        if cut:
            assert f"{cut} bytes" in repairs[0]
            assert f"offset {offsets[kept]}: record {kept}" in repairs[0]
        assert path.stat().st_size == offsets[kept]


def test_file_cut_at_every_byte_is_refused_where_the_records_were_acknowledged(
    tmp_path: Path,
) -> None:
    write(tmp_path, RECORDS)
    path = tmp_path / segment_name(0)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptError, match=str(path)):
            read(tmp_path, known=len(RECORDS))
        assert path.read_bytes() == whole[:size]


def test_bit_flipped_at_every_byte_is_refused_or_cuts_only_the_last_record(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    path = tmp_path / segment_name(0)
    whole, offsets = path.read_bytes(), ends(RECORDS)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        if place >= offsets[-2]:  # nothing intact behind: it could be the tail of a crash
            records, repairs = read(tmp_path)
            assert records == RECORDS[:-1]
            assert f"cut at offset {offsets[-2]}: record 3" in repairs[0]
            continue
        with pytest.raises(CorruptError, match=str(path)) as caught:
            read(tmp_path)
        start = 0 if place < HEADER_SIZE else max(end for end in offsets if end <= place)
        assert f"offset {start}:" in str(caught.value)
        assert path.read_bytes() == damaged, "a damaged log is left as it is"


def test_bit_flipped_at_every_byte_of_the_last_group_is_cut_unless_it_is_known(
    tmp_path: Path,
) -> None:
    write(tmp_path, RECORDS[:2])
    log = SegmentLog(tmp_path)
    for record in RECORDS[2:]:
        log.append(record)
    log.sync()
    log.close()
    path = tmp_path / segment_name(0)
    whole, offsets = path.read_bytes(), ends(RECORDS)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        for known in (0, 2, 4):
            path.write_bytes(damaged)
            if place < offsets[2] or known == 4:
                with pytest.raises(CorruptError):
                    read(tmp_path, known)
                continue
            records, repairs = read(tmp_path, known)
            kept = 2 if place < offsets[3] else 3
            assert records == RECORDS[:kept]
            assert f"record {kept}" in repairs[0]
            assert ("the record intact at offset" in repairs[0]) == (kept == 2)


def test_a_later_group_proves_that_an_earlier_one_was_acknowledged(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    path = tmp_path / segment_name(0)
    damaged = bytearray(path.read_bytes())
    damaged[ends(RECORDS)[2] + RECORD_HEAD] ^= 1  # record 2; each record is a group
    path.write_bytes(damaged)
    with pytest.raises(CorruptError, match="record 2 has a wrong checksum"):
        read(tmp_path, known=0)


def test_damage_in_an_earlier_segment_is_named_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, [b"q" * 50] * 6, segment_bytes=190)
    path = tmp_path / segment_name(0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        CorruptError, match=rf"{path}` offset {HEADER_SIZE + 74}: record 1 is cut short"
    ):
        read(tmp_path)


def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    write(tmp_path, [b"q" * 50] * 6, segment_bytes=190)
    (tmp_path / segment_name(2)).unlink()
    with pytest.raises(CorruptError, match="record 2 is missing"):
        read(tmp_path)


def test_a_lost_log_is_refused_where_records_were_acknowledged(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="7 records were acknowledged"):
        SegmentLog(tmp_path / "new", known=7)


def test_a_tail_of_zeros_is_cut(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    with (tmp_path / segment_name(0)).open("ab") as file:
        file.write(bytes(5000))
    records, repairs = read(tmp_path)
    assert records == RECORDS
    assert "5000 bytes" in repairs[0]
    write(tmp_path, [b"after"])
    assert read(tmp_path) == ([*RECORDS, b"after"], ())


def test_a_payload_that_imitates_a_record_does_not_turn_a_torn_tail_into_damage(
    tmp_path: Path,
) -> None:
    write(tmp_path / "other", [b"a", b"b", b"c"])
    imitation = (tmp_path / "other" / segment_name(0)).read_bytes()
    write(tmp_path / "log", [b"a", imitation])
    path = tmp_path / "log" / segment_name(0)
    path.write_bytes(path.read_bytes()[:-1])
    records, repairs = read(tmp_path / "log")
    assert records == [b"a"]
    assert len(repairs) == 1


def test_formats_of_later_versions_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    path = tmp_path / segment_name(0)
    raw = bytearray(path.read_bytes())
    raw[4] = 2
    from zlib import crc32

    raw[28:32] = crc32(raw[:28]).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="format 2"):
        read(tmp_path)


def test_a_full_disk_keeps_nothing_of_the_group_and_the_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(tmp_path)
    log.append(b"kept")
    log.sync()
    real = os.pwritev

    def full(descriptor: int, chunks: Sequence[bytes], offset: int) -> int:
        real(descriptor, [b"".join(chunks)[:25]], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    log.append(b"lost 1")
    log.append(b"lost 2")
    with pytest.raises(UnavailableError, match="No space left on device"):
        log.sync()
    monkeypatch.setattr(os, "pwritev", real)
    assert log.append(b"second") == 1
    log.sync()
    log.close()
    assert read(tmp_path) == ([b"kept", b"second"], ())


def test_partial_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(descriptor: int, chunks: Sequence[bytes], offset: int) -> int:
        return os.pwrite(descriptor, b"".join(chunks)[:7], offset)

    monkeypatch.setattr(os, "pwritev", short)
    write(tmp_path, RECORDS)
    assert read(tmp_path) == (RECORDS, ())


def test_after_a_failed_fdatasync_the_log_refuses_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(tmp_path)

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    log.append(b"x")
    with pytest.raises(UnavailableError, match="restart: Input/output error"):
        log.sync()
    monkeypatch.undo()
    log.append(b"y")
    with pytest.raises(UnavailableError, match="restart"):
        log.sync()
    log.close()


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=4), max_size=8),
    segment_bytes=st.integers(40, 400),
    cut=st.integers(0, 200),
)
def test_any_groups_survive_reopening_and_a_cut_loses_a_tail_only(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[bytes]],
    segment_bytes: int,
    cut: int,
) -> None:
    directory = tmp_path_factory.mktemp("log")
    log = SegmentLog(directory, segment_bytes)
    for group in groups:
        for record in group:
            log.append(record)
        log.sync()
    log.close()
    records = [record for group in groups for record in group]
    assert read(directory) == (records, ())
    last = max(directory.glob("*.seg"))
    size = max(HEADER_SIZE, last.stat().st_size - cut)
    os.truncate(last, size)
    kept, repairs = read(directory)
    assert kept == records[: len(kept)]
    assert len(records) - len(kept) <= len(records) - int(last.stem)
    assert len(repairs) <= 1


def test_a_segment_that_could_not_be_begun_hides_no_later_record(tmp_path: Path) -> None:
    class Failing(OsDisk):
        is_failing = False

        def sync_directory(self, directory: Path) -> None:
            if self.is_failing:
                raise OSError(errno.EIO, "input/output error")
            super().sync_directory(directory)

    disk = Failing()
    log = SegmentLog(tmp_path / "log", segment_bytes=400, disk=disk)
    log.append(b"a" * 150)
    log.sync()
    log.append(b"b" * 250)  # needs a new segment, whose name is there and is not durable
    disk.is_failing = True
    with pytest.raises(UnavailableError):
        log.sync()
    disk.is_failing = False
    log.append(b"c")  # would fit behind the first
    log.sync()
    log.close()
    again = SegmentLog(tmp_path / "log", known=2)
    assert [record for _, record in again.records()] == [b"a" * 150, b"c"]
    again.close()
