import numpy as np
from numpy.testing import assert_array_equal

from tests.unit.commands.world import NOW, SECOND
from twinvouch.commands.arrivals import forget, remember
from twinvouch.core.batch import Admitted, Batch, Identity, Origin, Quality
from twinvouch.core.label import Label


def admitted(axes, quality):
    axes, quality = np.array(axes, dtype=np.uint8), np.array(quality, dtype=np.uint8)
    rows = len(quality)
    batch = Batch(
        "net3", Identity("edge-1", 1, 1), b"", Origin.LIVE, "fast", np.arange(rows),
        np.zeros(quality.shape), quality, bytes(32),
    )  # fmt: skip
    label = Label(axes, np.full(quality.shape, NOW))
    return Admitted(batch, label, (), np.ones(rows, dtype=bool))


def test_a_column_counts_with_its_worst_reading():
    axes = np.full((4, 3, 2), 250)
    axes[2, 1, 0] = 10
    arrivals = {}
    remember(arrivals, admitted(axes, np.zeros((3, 2))), 5, NOW)
    assert arrivals[5].axes.tolist() == [
        list(a) for a in ((250, 250), (250, 250), (10, 250), (250, 250))
    ]
    assert (arrivals[5].group, arrivals[5].received_ns) == ("fast", NOW)


def test_missing_cells_do_not_count_but_a_column_without_any_reading_is_zero():
    axes = np.full((4, 2, 2), 250)
    axes[:, 0, 0] = 0
    axes[:, :, 1] = 0
    missing = [[Quality.MISSING, Quality.MISSING], [Quality.GOOD, Quality.MISSING]]
    arrivals = {}
    remember(arrivals, admitted(axes, missing), 5, NOW)
    assert_array_equal(arrivals[5].axes, [[250, 0]] * 4)


def test_an_empty_batch_has_no_trust():
    arrivals = {}
    remember(arrivals, admitted(np.zeros((4, 0, 2)), np.zeros((0, 2))), 5, NOW)
    assert_array_equal(arrivals[5].axes, [[0, 0]] * 4)


def test_old_ones_are_forgotten_except_those_held_commands_declare():
    arrivals = {}
    for entry, at in ((1, 0), (2, 0), (3, 20), (4, 40)):
        remember(arrivals, admitted(np.zeros((4, 1, 1)), np.zeros((1, 1))), entry, at * SECOND)
    forget(arrivals, now_ns=50 * SECOND, keep_ns=30 * SECOND, needed={2, 99})
    assert set(arrivals) == {2, 3, 4}
