"""C47 of docs/explanation/threat-model.md."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.claims.site import permits
from tests.unit.engine.ahead import LEVEL, TANK, VALVE, AheadToy, foreseen, questions
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.statement import Verb
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.lookahead import read_question

ANYTHING = st.one_of(
    st.floats(),
    st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e300, None, "", b"", 0, 1, []]),
)


@pytest.fixture
def toy(tmp_path: Path) -> AheadToy:
    return AheadToy(tmp_path)


def test_c47_no_permit_before_the_answer_and_none_on_an_answer_to_another_question(
    toy: AheadToy,
) -> None:
    toy.read(values={LEVEL: 8.8})
    _, unsafe = toy.propose(VALVE, 1.0)
    _, safe = toy.propose(VALVE, 0.5)
    assert permits(unsafe) == permits(safe) == []
    (asked,) = (e for e in safe if isinstance(e, Simulate))
    good = foreseen(read_question(asked.question))
    assert permits(toy.answer(unsafe, foresight=good)) == []
    assert len(permits(toy.answer(safe))) == 1
    assert permits(toy.answer(safe)) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_c47_an_answer_with_anything_in_it_never_allows_what_the_honest_one_does_not(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Numbers a lying worker cannot choose: the core computed them. Here whoever writes the event lies."""
    toy = AheadToy(tmp_path_factory.mktemp("toy"))
    toy.read(values={LEVEL: 8.8})
    _, effects = toy.propose(VALVE, 1.0)
    (asked,) = (e for e in effects if isinstance(e, Simulate))
    content: Any = decode(foreseen(read_question(asked.question)))
    place = data.draw(st.integers(0, len(content) - 1))
    if place in {4, 5} and data.draw(st.booleans()):
        content[place][data.draw(st.integers(0, 9))][0] = data.draw(
            st.sampled_from([float("nan"), float("inf"), float("-inf"), 3.0, None, "x"])
        )
    else:
        content[place] = data.draw(ANYTHING)
    raw = data.draw(st.one_of(st.just(encode(content)), st.binary(max_size=50)))
    done = SimulationDone(toy.salt(), asked.ident, raw, "", TANK.digest)
    assert permits(toy.core.feed(done, toy.now)) == []


@pytest.mark.parametrize("lie", [0.0, 3.0, 8.9, 9.9])
def test_c47_what_a_distrusted_tag_says_moves_no_start(tmp_path: Path, lie: float) -> None:
    told = []
    for name, level in (("honest", 5.0), ("lying", lie)):
        (tmp_path / name).mkdir()
        toy = AheadToy(tmp_path / name)
        toy.read()
        toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
        for _ in range(3):
            toy.wait(20)
            toy.read(values={LEVEL: level})
        _, effects = toy.propose(VALVE, 0.6, inputs=())
        told += questions(effects)
    # at 9.9 the interlock denies, and nothing is asked
    assert all(asked == told[0] for asked in told)
