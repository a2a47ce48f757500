"""What `bench outage` must object to, each by itself."""

import pytest

from twinvouch.app.bench.outage import Figures, Live, faults_of
from twinvouch.app.bench.outage_site import STEADY, digest

CLEAN: Figures = {
    **{f"{edge}rows_missing": 0 for edge in ("", "steady_", "small_")},
    **{f"{edge}history_is_true": 1 for edge in ("", "steady_", "small_")},
    "rows_refused": 0,
    "small_rows_refused": 7,
    "late_in_live": 0,
    "steady_lag_ms_p99_beside": 12.0,
    "ledger_verified": 1,
}


def test_a_clean_outage_has_no_faults() -> None:
    assert faults_of(CLEAN) == []


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("rows_missing", 1),
        ("steady_rows_missing", -1),
        ("small_rows_missing", 2),
        ("history_is_true", 0),
        ("small_history_is_true", 0),
        ("rows_refused", 3),
        ("small_rows_refused", 0),
        ("late_in_live", 1),
        ("steady_lag_ms_p99_beside", 1001.0),
        ("ledger_verified", 0),
    ],
)
def test_each_fault_is_said(figure: str, value: float) -> None:
    assert len(faults_of({**CLEAN, figure: value})) == 1


def test_an_update_by_a_row_older_than_the_limit_is_late() -> None:
    live = Live()
    for age_s in (0.1, 9.9, 10.1):
        received = 1_800_000_000 * 10**9
        first = received - int(age_s * 1e9)
        live.take({"group": f"of-{STEADY}", "received_ns": received, "first_t_ns": first})
    assert live.late() == 1


def test_the_digest_tells_order_and_values_apart() -> None:
    rows = [(1, 2), (3, 4)]
    assert digest(rows) == digest(list(rows))
    assert len({digest(rows), digest(rows[::-1]), digest([(1, 2), (3, 5)]), digest([])}) == 4
