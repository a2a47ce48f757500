"""The history gives back what was admitted: from chunks and from the log, in one order, each reading with its reasons."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.v1_plant import PLANT, signer
from tests.unit.app.kept_plant import DAY, LEVEL, SECOND, START, Kept, configured
from twinvouch.adapters.chunk_files import ChunkFile
from twinvouch.adapters.chunk_index import ChunkIndex
from twinvouch.app import build, compaction
from twinvouch.app.compaction import compact
from twinvouch.app.recall import EARLIEST, LATEST, Page, Recall, recall_of
from twinvouch.app.recalled import Readings, joined
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import BatchReceived
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire.batch import Header, write_changed
from twinvouch.wire.changes import Changes
from twinvouch.wire.chunk import Clock, Reason
from twinvouch.wire.cose import seal

ALL = (EARLIEST, LATEST)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(configured(tmp_path / "plant"))
    yield kept
    kept.close()


def a_week(plant: Kept) -> None:
    """Some batches a day, one of them late by two days, one with an odd clock."""
    rng = np.random.default_rng(4)
    for day in range(5):
        for _ in range(4):
            plant.send(np.round(rng.normal(5.0, 0.01, 6), 3).tolist())
            plant.wait(600)
        if day == 3:
            plant.send([5.0, 5.1], ago_s=2 * 86_400 + 300)
        plant.wait(86_400 - 2_400)
    plant.send([5.0])


def said(readings: Readings) -> list[tuple[int, float, int]]:
    columns = (readings.clock.t_ns, readings.values, readings.quality)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def told(page: Page) -> list[tuple[object, ...]]:
    """Everything about a page's readings."""
    r = page.readings
    return [
        (r.cursor(n), r.values[n], r.quality[n], *r.axes[:, n], r.fresh_until[n], r.reasons.get(n))
        for n in range(len(r))
    ]


def test_what_was_sent_is_read_back_in_order_of_source_time(plant: Kept) -> None:
    a_week(plant)
    recall = recall_of(plant.config)
    from_log = recall.page(LEVEL, ALL, limit=10_000)
    assert said(from_log.readings) == sorted(plant.sent)
    done = compact(plant.config, lambda _: None)
    assert done.readings == 2 * (len(plant.sent) - 1)  # both tags; today stays in the log
    from_chunks = recall.page(LEVEL, ALL, limit=10_000)
    assert told(from_chunks) == told(from_log)
    assert from_chunks.next is None


def test_a_second_pass_finds_nothing_and_the_next_day_follows(plant: Kept) -> None:
    a_week(plant)
    compact(plant.config, lambda _: None)
    assert compact(plant.config, lambda _: None).chunks == 0
    plant.wait(86_400)
    plant.send([5.2])
    assert compact(plant.config, lambda _: None).readings == 2
    page = recall_of(plant.config).page(LEVEL, ALL, limit=10_000)
    assert said(page.readings) == sorted(plant.sent)


@pytest.mark.parametrize("limit", [1, 7, 41, 1_000])
def test_pages_one_after_the_other_are_the_whole(plant: Kept, limit: int) -> None:
    a_week(plant)
    compact(plant.config, lambda _: None)
    recall = recall_of(plant.config)
    whole, pages = told(recall.page(LEVEL, ALL, limit=10_000)), []
    page = recall.page(LEVEL, ALL, limit=limit)
    while True:
        assert len(page.readings) <= limit
        pages += told(page)
        if page.next is None:
            break
        page = recall.page(LEVEL, ALL, page.next, limit)
    assert pages == whole


def test_a_span_the_last_ones_and_a_point_in_time(plant: Kept) -> None:
    a_week(plant)
    compact(plant.config, lambda _: None)
    recall, ordered = recall_of(plant.config), sorted(plant.sent)
    span = (START + DAY, START + 3 * DAY)
    inside = [r for r in ordered if span[0] <= r[0] <= span[1]]
    assert said(recall.page(LEVEL, span, limit=10_000).readings) == inside
    assert said(recall.last(LEVEL, 9).readings) == ordered[-9:]
    for moment in (ordered[30][0], ordered[30][0] - 1, START + 2 * DAY, LATEST):
        before = [r for r in ordered if r[0] <= moment]
        assert said(recall.last(LEVEL, 1, moment).readings) == before[-1:]
    assert said(recall.last(LEVEL, 1, START - DAY).readings) == []


def test_a_flagged_reading_has_its_rule_and_sentence_and_its_neighbour_has_none(
    plant: Kept,
) -> None:
    plant.send([5.0, 5.0, 99.0, 5.0])
    plant.wait(1)
    plant.send([5.0], quality=2)
    plant.wait(86_400)
    recall = recall_of(plant.config)
    before = told(recall.page(LEVEL, ALL))
    compact(plant.config, lambda _: None)
    readings = recall.page(LEVEL, ALL).readings
    assert told(recall.page(LEVEL, ALL)) == before
    rules = [[w.rule for w in readings.reasons.get(n, ())] for n in range(len(readings))]
    assert rules[0] == rules[1] == []
    assert "range" in rules[2]
    assert "quality" in rules[4]
    (why,) = [w for w in readings.reasons[2] if w.rule == "range"]
    assert why.sentence.startswith("`tank-1/level` is 99")
    assert readings.axes[2, 2] == 0 or readings.axes[2, 2] < readings.axes[2, 0]


def test_a_missing_cell_is_no_reading(plant: Kept) -> None:
    plant.send([5.0])
    plant.wait(1)
    plant.send([0.0], quality=3)
    plant.wait(86_400)
    compact(plant.config, lambda _: None)
    assert len(recall_of(plant.config).page(LEVEL, ALL).readings) == 1


def test_a_label_tells_what_the_core_gave_it_then(plant: Kept) -> None:
    entry = plant.send([5.0])
    label = plant.engine.memory.label([LEVEL])
    plant.wait(86_400)
    compact(plant.config, lambda _: None)
    readings = recall_of(plant.config).page(LEVEL, ALL).readings
    assert readings.axes[:, 0].tolist() == label.axes[:, 0].tolist()
    assert readings.fresh_until[0] == label.fresh_until[0]
    assert readings.clock.entry[0] == entry
    assert readings.clock.received_ns[0] == START


def test_rows_far_from_their_day_lie_apart_and_are_found(plant: Kept) -> None:
    plant.send([5.0])
    plant.wait(60)
    plant.send([5.1], ago_s=40 * 86_400)
    plant.wait(86_400)
    assert compact(plant.config, lambda _: None).chunks == 2
    page = recall_of(plant.config).page(LEVEL, ALL)
    assert said(page.readings) == sorted(plant.sent)


def test_a_full_chunk_is_closed_within_its_day(
    plant: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinvouch.app.chunk_rows.MOST_ROWS", 10)
    for _ in range(9):
        plant.send([5.0, 5.1, 5.0, 5.1])
        plant.wait(1)
    done = compact(plant.config, lambda _: None)
    assert done.chunks >= 3
    page = recall_of(plant.config).page(LEVEL, ALL)
    assert said(page.readings) == sorted(plant.sent)


def test_what_is_worth_a_file_does_not_wait_for_the_night(
    plant: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.send([5.0, 5.1])
    assert compact(plant.config, lambda _: None).chunks == 0
    monkeypatch.setattr(compaction, "WORTH", 2)
    assert compact(plant.config, lambda _: None).chunks == 1


def test_a_scan_group_with_other_columns_than_before_is_read_under_both(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    plant.send([5.0])
    compact(plant.config, lambda _: None)  # the form of then is known from here on
    plant.close()
    path = plant.config.path
    text = path.read_text("utf-8")
    extra = "tags:\n  tank-1/extra: {unit: m, range: [0, 10], group: fast}\n"
    path.write_text(text.replace("tags:\n", extra, 1), encoding="utf-8")
    later = Kept(build.load(path), now_ns=START + 60 * SECOND, seq=1, prev=plant.prev)
    later.send([6.0])
    recall = recall_of(later.config)
    assert said(recall.page(LEVEL, ALL).readings) == sorted(plant.sent + later.sent)
    later.wait(86_400)
    assert compact(later.config, lambda _: None).chunks == 2
    assert said(recall.page(LEVEL, ALL).readings) == sorted(plant.sent + later.sent)
    later.close()


def test_a_disk_that_is_full_up_to_its_reserve_lets_the_history_wait(
    plant: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_week(plant)
    statvfs = os.statvfs

    def nearly_full(path: str) -> object:
        found = statvfs(path)
        few = found.f_blocks // 100
        return SimpleNamespace(f_blocks=found.f_blocks, f_frsize=found.f_frsize, f_bavail=few)

    with monkeypatch.context() as full:
        full.setattr("twinvouch.app.compaction.os.statvfs", nearly_full)
        with pytest.raises(UnavailableError, match="the history waits in the log"):
            compact(plant.config, lambda _: None)
    recall = recall_of(plant.config)
    assert said(recall.page(LEVEL, ALL, limit=10_000).readings) == sorted(plant.sent)
    compact(plant.config, lambda _: None)
    assert said(recall.page(LEVEL, ALL, limit=10_000).readings) == sorted(plant.sent)


def test_a_disk_that_refuses_in_the_middle_of_a_pass_loses_nothing(
    plant: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_week(plant)
    written = compaction.write_file
    left = iter(range(2))

    def twice(path: Path, raw: bytes) -> None:
        if next(left, None) is None:
            raise UnavailableError("no space left on device")
        written(path, raw)

    with monkeypatch.context() as refusing:
        refusing.setattr(compaction, "write_file", twice)
        with pytest.raises(UnavailableError):
            compact(plant.config, lambda _: None)
    recall = recall_of(plant.config)
    assert said(recall.page(LEVEL, ALL, limit=10_000).readings) == sorted(plant.sent)
    assert compact(plant.config, lambda _: None).chunks > 0
    assert said(recall.page(LEVEL, ALL, limit=10_000).readings) == sorted(plant.sent)


def test_two_passes_at_once_are_one(plant: Kept) -> None:
    a_week(plant)
    with (
        closing(ChunkIndex(plant.config.data_dir / compaction.DIRECTORY)),
        pytest.raises(UnavailableError, match="in use by another process"),
    ):
        compact(plant.config, lambda _: None)


def test_what_is_purged_while_it_is_looked_for_is_looked_up_again(
    plant: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_week(plant)
    compact(plant.config, lambda _: None)
    directory = plant.config.data_dir / compaction.DIRECTORY
    opened, purged = ChunkFile.__init__, []

    def init(self: ChunkFile, *args: Any, **more: Any) -> None:
        if not purged:
            with closing(ChunkIndex(directory)) as index:
                purged.append(index.all()[0])
                index.forget(purged)
            (directory / purged[0].file).unlink()
        opened(self, *args, **more)

    monkeypatch.setattr(ChunkFile, "__init__", init)
    page = recall_of(plant.config).page(LEVEL, ALL, limit=10_000)
    assert len(page.readings) == len(plant.sent) - purged[0].present // 2


@given(
    st.lists(
        st.tuples(st.integers(-5, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=30
    ),
    st.integers(1, 9),
)
def test_pieces_in_any_order_are_one_sequence(
    places: list[tuple[int, int, int]], size: int
) -> None:
    """The law of the order: however readings lie in pieces, joined they are sorted, and none is lost."""
    each = sorted(set(places))
    shuffled = np.random.default_rng(len(each)).permutation(np.array(each, np.int64))
    parts = []
    for at in range(0, len(shuffled), size):
        some = shuffled[at : at + size]
        some = some[np.lexsort((some[:, 2], some[:, 1], some[:, 0]))]
        zero = np.zeros(len(some), np.int64)
        clock = Clock(some[:, 0], zero, some[:, 1], some[:, 2])
        axes = np.zeros((4, len(some)), np.uint8)
        reasons = {n: (Reason(int(some[n, 1]), "r", "s", 1, str(some[n]), ""),) for n in range(len(some))}  # fmt: skip
        parts.append(Readings(clock, some[:, 0] * 1.0, axes[0], axes, zero, reasons))
    whole = joined(parts)
    assert [tuple(whole.cursor(n)) for n in range(len(whole))] == each
    assert [whole.reasons[n][0].sentence for n in range(len(whole))] == [str(np.array(e)) for e in each]  # fmt: skip
    middle = each[len(each) // 2]
    assert len(whole.behind(whole.cursor(len(each) // 2))) == len(each) - len(each) // 2 - 1
    before, after = whole.split(middle[0])
    assert len(before) == sum(e[0] < middle[0] for e in each)
    assert len(before) + len(after) == len(each)


def test_readings_of_a_group_by_exception_have_their_own_labels_and_gaps(tmp_path: Path) -> None:
    """Most cells of such a batch are MISSING: the label's blob tells only the others."""
    config = configured(tmp_path / "plant")
    text = config.path.read_text("utf-8")
    text = text.replace("groups:\n", "groups:\n  told: {edge: edge-1, rhythm: exception, max_age_s: 600}\n", 1)  # fmt: skip
    doors = "".join(f"  tank-1/d{n}: {{group: told, range: [0, 9]}}\n" for n in range(5))
    text = text.replace("tags:\n", f"tags:\n{doors}", 1).replace("groups: [fast]", "groups: [fast, told]")  # fmt: skip
    config.path.write_text(text, "utf-8")
    plant = Kept(build.load(config.path))
    group = plant.engine.memory.site.plant.groups["told"]
    sent = [(0, 1.0), (1, 2.0), (0, 99.0), (4, 0.5), (0, 3.0)]
    t_ns = START - SECOND + np.arange(len(sent), dtype=np.int64) * 1000
    columns = np.array([k for k, _ in sent], np.uint16)
    values = np.array([v for _, v in sent])
    changes = Changes(t_ns, columns, values, np.zeros(len(sent), np.uint8))
    header = Header(
        Kind.BATCH_CHANGES, PLANT, Identity("edge-1", 1, 0), bytes(32), Origin.LIVE, "told", group.digest,
    )  # fmt: skip
    content = write_changed(header, group, changes)
    raw = seal(content, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)
    assert plant.feed(BatchReceived(bytes(16), "p", raw)).code == 200
    plant.wait(2 * 86_400)
    recall = recall_of(plant.config)
    before = [told_page(recall, n) for n in range(5)]
    assert compact(plant.config, lambda _: None).readings == 5
    assert [told_page(recall, n) for n in range(5)] == before
    assert [len(page) for page in before] == [3, 1, 0, 0, 1]
    readings = recall.page("tank-1/d0", ALL).readings
    assert readings.values.tolist() == [1.0, 99.0, 3.0]
    assert readings.axes[0].tolist() == [120, 120, 120]
    assert readings.axes[2, 1] < readings.axes[2, 0] == 255
    assert [n for n, why in readings.reasons.items() if why[0].rule == "range"] == [1]
    assert (readings.fresh_until == START + 600 * SECOND).all()
    plant.close()


def told_page(recall: Recall, n: int) -> list[tuple[object, ...]]:
    return told(recall.page(f"tank-1/d{n}", ALL))
