"""One finding a rule and tag, and a limit on how many."""

import numpy as np

from tests.unit.readings.world import group_of, tag_of
from twinvouch.core.finding import Severity
from twinvouch.readings.flagged import MOST_TAGS, Evidence, Rule, per_tag

RULE = Rule("odd", Severity.LOW, "T0000")


def tell(row: int, k: int) -> tuple[str, Evidence]:
    return f"is odd in {k}", (("row", row),)


def test_findings_name_tag_rows_and_the_first_row() -> None:
    group = group_of("g", "e", [tag_of(f"a/{k}") for k in range(3)])
    mask = np.zeros((4, 3), np.bool_)
    mask[2, 0] = mask[1:3, 2] = True
    first, second = per_tag(RULE, group, mask, tell)
    assert (first.subject, first.rows, first.first_row) == ("a/0", 1, 2)
    assert first.sentence == "`a/0` is odd in 0 (row 2)"
    assert (second.subject, second.rows, second.first_row) == ("a/2", 2, 1)
    assert second.sentence == "`a/2` is odd in 2 (2 rows from row 1)"
    assert (second.rule, second.severity, second.technique) == ("odd", Severity.LOW, "T0000")


def test_thousands_of_tags_share_one_finding_and_every_cell_is_counted() -> None:
    columns = MOST_TAGS + 900
    group = group_of("g", "e", [tag_of(f"a/{k}") for k in range(columns)])
    found = per_tag(RULE, group, np.ones((2, columns), np.bool_), tell)
    assert len(found) == MOST_TAGS + 1
    assert (found[-1].subject, found[-1].rows) == ("e", 2 * 900)
    assert "900 further tags of scan group `g`: 1800 readings" in found[-1].sentence
    assert sum(f.rows for f in found) == 2 * columns
