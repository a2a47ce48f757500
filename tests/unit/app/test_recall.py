"""The history gives back what was admitted: from chunks and from the log, in one order, each reading with its reasons."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.unit.app.kept_plant import DAY, LEVEL, SECOND, START, Kept, configured
from twinvouch.app import compaction
from twinvouch.app.compaction import compact
from twinvouch.app.recall import EARLIEST, LATEST, Page, recall_of
from twinvouch.app.recalled import Readings

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
    from twinvouch.app import build

    later = Kept(build.load(path), now_ns=START + 60 * SECOND, seq=1, prev=plant.prev)
    later.send([6.0])
    recall = recall_of(later.config)
    assert said(recall.page(LEVEL, ALL).readings) == sorted(plant.sent + later.sent)
    later.wait(86_400)
    assert compact(later.config, lambda _: None).chunks == 2
    assert said(recall.page(LEVEL, ALL).readings) == sorted(plant.sent + later.sent)
    later.close()
