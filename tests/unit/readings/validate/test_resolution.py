"""resolution: values beside the steps of their instrument, and values of coarser steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.readings.world import SECOND, Line, plausible, rules, site_of, told
from twinvouch.core.batch import Quality
from twinvouch.core.declared import Declarations, Step
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Tag
from twinvouch.readings.validate import resolution

TAGS = [Tag("a/x", "m", group="fast"), Tag("a/y", "m", group="fast")]


def line(size: float = 0.01, origin: float = 0.0) -> Line:
    step = Step(size, origin)
    return Line(site_of(TAGS, declared=Declarations(steps={"a/x": step})))


def send(plant: Line, *values: float) -> list[int]:
    """Each value as a batch of its own; the plausibility of each."""
    found = []
    for value in values:
        got = plant.read(0.1, values={"a/x": value})
        found += plausible(got, "a/x", plant.site.plant.groups["fast"])
    return found


def steps(rng: np.random.Generator, size: int, step: float = 0.01) -> NDArray[np.float64]:
    return np.asarray(5 + rng.integers(-200, 200, size) * step)


def test_values_on_their_steps_are_clean() -> None:
    plant = line()
    assert send(plant, *steps(np.random.default_rng(1), 200)) == [255] * 200


def test_more_decimals_are_found_at_the_third_reading() -> None:
    plant = line()
    send(plant, 5.01, 5.02)
    assert send(plant, 5.0137, 5.0291) == [255, 255], "a few are no finding"
    got = plant.read(0.1, values={"a/x": 5.0442})
    (finding,) = told(got, "resolution")
    assert (finding.subject, finding.severity, finding.technique) == (
        "a/x", Severity.MEDIUM, "T0856",
    )  # fmt: skip
    assert "`a/x` is 5.0442 m, not on a step of 0.01, as 3 of its last 64 readings" in (
        finding.sentence
    )
    assert dict(finding.evidence) == {"value": 5.0442, "step": 0.01, "readings": 3}
    assert plausible(got, "a/x", plant.site.plant.groups["fast"]) == [resolution.CAP]
    assert send(plant, 5.05) == [255], "a reading on a step is as good as ever"


def test_coarser_values_are_found_after_many_changes() -> None:
    plant = line()
    send(plant, *steps(np.random.default_rng(2), 70))
    spoofed = 5 + np.arange(200) % 7 / 10
    caps = np.array(send(plant, *spoofed))
    first = int((caps < 255).argmax())
    assert 60 <= first <= 66, "fine readings have left the memory of 64"
    assert (caps[first:] == resolution.CAP).all()
    got = plant.read(0.1, values={"a/x": 5.9})
    assert "has only steps of 0.1 m in its last" in told(got, "resolution")[0].sentence


def test_a_tag_at_rest_is_not_coarse() -> None:
    assert send(line(), *[5.0] * 200) == [255] * 200
    plant = line()
    assert send(plant, *np.repeat([5.0, 5.1, 5.2], 60)) == [255] * 180


def test_float32_and_engineering_units_are_no_attack() -> None:
    """What a legitimate change of the transmitter's type does: rounding, and a grid that begins elsewhere."""
    rng = np.random.default_rng(3)
    plant = line()
    assert send(plant, *steps(rng, 100).astype(np.float32).astype(float)) == [255] * 100
    scaled = line(0.0625, -40.0)
    raw = rng.integers(0, 4096, 100) * 0.0625 - 40.0
    assert send(scaled, *raw) == [255] * 100
    large = line()
    values = (1e6 + rng.integers(0, 1000, 100) * 0.01).astype(np.float32).astype(float)
    assert send(large, *values) == [255] * 100, "float32 has no such steps there"


def test_nothing_is_judged_where_no_step_is_declared() -> None:
    plant = Line(site_of([Tag("a/x", "m", resolution=0.5, group="fast")]))
    got = [plant.read(0.1, values={"a/x": v}) for v in np.random.default_rng(4).random(50)]
    assert [rules(g) for g in got] == [[]] * 50, (
        "a resolution larger than the truth is a tolerance only"
    )


@pytest.mark.parametrize("hostile", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324])
def test_hostile_values_neither_raise_nor_count(hostile: float) -> None:
    plant = line()
    for _ in range(10):
        assert told(plant.read(0.1, values={"a/x": hostile}), "resolution") == []
    bad = np.array([[Quality.BAD, 0]], np.uint8)
    for _ in range(10):
        assert told(plant.read(0.1, values={"a/x": 5.0137}, quality=bad), "resolution") == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([5.0, 5.01, 5.1, 5.0137]), min_size=1, max_size=150), st.data())
def test_the_same_is_found_in_however_many_batches_and_over_restarts(
    values: list[float], data: st.DataObject
) -> None:
    """Against a plain count: FEW beside among the last 64, or MANY changes among them of which none is fine."""
    plant, at = line(), 0
    beside = [v == 5.0137 for v in values]
    moved = [i > 0 and v != values[i - 1] for i, v in enumerate(values)]
    fine = [m and v not in {5.0, 5.1} for m, v in zip(moved, values, strict=True)]
    expected = []
    for i, is_beside in enumerate(beside):
        last = slice(max(0, i - 63), i + 1)
        coarse = sum(moved[last]) >= resolution.MANY and not sum(fine[last])
        few = is_beside and sum(beside[last]) >= resolution.FEW
        expected.append(resolution.CAP if few or coarse else 255)
    found: list[int] = []
    while at < len(values):
        size = data.draw(st.integers(1, 70))
        part = values[at : at + size]
        t_ns = plant.now + SECOND - np.arange(len(part))[::-1] * 1000
        got = plant.read(1, t_ns=t_ns, values={"a/x": part})
        found += plausible(got, "a/x", plant.site.plant.groups["fast"])
        at += size
        plant = plant.restart() if data.draw(st.booleans()) else plant
    assert found == expected
