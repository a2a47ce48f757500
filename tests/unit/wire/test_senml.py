"""SenML packs as RFC 8428 writes them: base fields, units, times, values."""

import cbor2
import numpy as np
import pytest

from tests.unit.wire.samples import times
from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.columns import Cells
from twinvouch.wire.senml import BN, BT, BU, BV, BVER, VB, VD, VS, N, T, U, V, read_pack, write_pack

IDS = ("tank-1/level", "tank-1/temp", "pump-1/on")
UNITS = ("m", "Cel", "")
SECONDS = 1_700_000_000


def read(records: object, max_cells: int = 100) -> Cells:
    return read_pack(cbor2.dumps(records), IDS, UNITS, max_cells)


def test_a_foreign_pack_is_pivoted_by_time() -> None:
    t_ns, values, quality = read(
        [
            {BN: "tank-1/", BT: SECONDS, BU: "m", N: "level", V: 2},
            {N: "temp", U: "Cel", V: 21.5},
            {N: "level", T: 0.25, V: 2.5},
            {BN: "", N: "pump-1/on", U: "", T: -1, VB: True},
        ]
    )
    assert (t_ns - SECONDS * 10**9).tolist() == [-(10**9), 0, 250_000_000]
    nan = np.nan
    expected = [[nan, nan, 1], [2, 21.5, nan], [2.5, nan, nan]]
    assert np.array_equal(values, expected, equal_nan=True)
    assert np.array_equal(quality == Quality.MISSING, np.isnan(expected))
    assert not quality[~np.isnan(expected)].any()


def test_base_value_is_added() -> None:
    _, values, _ = read([{BV: 20.0, BT: SECONDS, N: IDS[1], V: 1.5}, {N: IDS[0], V: 1, BV: 2}])
    assert values.tolist()[0][:2] == [3.0, 21.5]


def test_whole_seconds_are_exact_and_fractions_to_the_nanosecond() -> None:
    t_ns, _, _ = read([{BT: SECONDS, T: 0.000000123, N: IDS[0], V: 1.0}])
    assert t_ns.tolist() == [SECONDS * 10**9 + 123]
    t_ns, _, _ = read([{T: SECONDS, N: IDS[0], V: 1.0}])
    assert t_ns.tolist() == [SECONDS * 10**9]


def test_text_and_data_are_bad_cells() -> None:
    _, values, quality = read([{BT: SECONDS, N: IDS[0], VS: "fault"}, {N: IDS[1], VD: b"?"}])
    assert quality.tolist() == [[Quality.BAD, Quality.BAD, Quality.MISSING]]
    assert np.isnan(values).all()


def test_nan_is_data() -> None:
    _, values, quality = read([{BT: SECONDS, N: IDS[0], V: float("nan")}])
    assert np.isnan(values[0, 0])
    assert quality[0, 0] == Quality.GOOD


def test_a_record_without_a_value_sets_base_fields_only() -> None:
    _, values, _ = read([{BN: IDS[0], BT: SECONDS, BVER: 10}, {}, {V: 4, "note": 1, 99: 2}])
    assert values[0, 0] == 4


AT = {BT: SECONDS, N: IDS[0], V: 1.0}


@pytest.mark.parametrize(
    "records",
    [
        {},
        [],
        [[]],
        [{}],
        [{BT: SECONDS}],
        [{**AT, N: "tank-9/level"}],
        [{**AT, N: 1}],
        [{**AT, U: "ft"}],
        [{**AT, U: None}],
        [{**AT, BU: "ft"}],
        [{**AT, V: "1"}],
        [{**AT, V: True}],
        [{**AT, V: None}],
        [{**AT, VB: True}],
        [{BT: SECONDS, N: IDS[0], VB: 1}],
        [{BT: SECONDS, N: IDS[0], VS: 1}],
        [AT, AT],
        [{**AT, BT: 0}],
        [{**AT, BT: 2**28 - 1}],
        [{**AT, BT: 2**40}],
        [{**AT, BT: float("nan")}],
        [{**AT, BT: float("inf")}],
        [{**AT, T: 1e300}],
        [{**AT, T: "now"}],
        [{**AT, BVER: 11}],
        [{**AT, BVER: 10.0}],
        [{**AT, "fancy_": 1}],
        [{**AT, BV: "1"}],
        [{**AT, b"n": 1}],
    ],
)
def test_other_packs_are_malformed(records: object) -> None:
    with pytest.raises(MalformedError):
        read(records)


def test_cells_count_after_the_pivot() -> None:
    records = [{N: IDS[0], T: SECONDS + k, V: 1.0} for k in range(4)]
    assert read(records, 12)[1].shape == (4, 3)
    with pytest.raises(MalformedError, match=r"1\.\.11 cells"):
        read(records, 11)


def test_what_was_written_is_read() -> None:
    t_ns = times(3) + 7
    values = np.arange(9.0).reshape(3, 3)
    quality = np.array([[0, 3, 0], [0, 0, 3], [3, 3, 0]], np.uint8)
    back = read_pack(write_pack(IDS, UNITS, (t_ns, values, quality)), IDS, UNITS, 9)
    assert np.array_equal(back[0], t_ns)
    assert np.array_equal(back[1], np.where(quality == 3, np.nan, values), equal_nan=True)
    assert np.array_equal(back[2], quality)


def test_senml_has_no_place_for_doubt() -> None:
    with pytest.raises(UsageError, match="no place"):
        write_pack(IDS, UNITS, (times(1), np.ones((1, 3)), np.full((1, 3), Quality.UNCERTAIN)))
