"""C55 of docs/explanation/threat-model.md."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.claims.site import permits
from tests.unit.engine.ahead import LEVEL, PUMP, foreseen, questions
from tests.unit.engine.second import SecondToy
from tests.unit.engine.test_foreseeing import digest
from twinvouch.core.event import Effect, Simulate, SimulationDone
from twinvouch.core.lookahead import Source
from twinvouch.core.statement import Verb
from twinvouch.engine.deciding import always
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.lookahead import read_question

FLOW = "tank/flow"
ANYTHING = st.one_of(
    st.floats(),
    st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e300, None, "", b"", 0, 1, []]),
)


def released(toy: SecondToy, level: float) -> list[Effect]:
    """Both persons approve; the effects of the last answer of the first model, with its question to the second."""
    toy.read(values={LEVEL: level})
    answer, effects = toy.propose(PUMP, 1.0)
    ident = str(answer.body["id"])
    toy.answer_second(toy.answer(effects))
    for person in ("ann", "bob"):
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=digest(toy, ident))
        effects = toy.answer(effects)
        assert permits(effects) == []
        if person == "ann":
            toy.answer_second(effects)
    return effects


@pytest.mark.parametrize(("more", "count"), [(1.0, 1), (0.5, 1), (4.0, 0)])
def test_c55_a_permit_needs_both_models(tmp_path: Path, more: float, count: int) -> None:
    toy = SecondToy(tmp_path, more)
    effects = released(toy, 7.5)
    assert len(permits(toy.answer_second(effects))) == count


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_c55_nothing_that_the_second_says_allows_what_its_honest_answer_would_not(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    toy = SecondToy(tmp_path_factory.mktemp("toy"), 4.0)
    effects = released(toy, 7.5)
    (asked,) = (e for e in effects if isinstance(e, Simulate))
    content: Any = decode(foreseen(read_question(asked.question)))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(ANYTHING)
    raw = data.draw(st.one_of(st.just(encode(content)), st.binary(max_size=50)))
    done = SimulationDone(toy.salt(), asked.ident, raw, "", toy.other.digest)
    assert permits(toy.core.feed(done, toy.now)) == []


def test_c55_the_second_never_allows_what_the_first_objects_to(tmp_path: Path) -> None:
    toy = SecondToy(tmp_path, 0.1)  # it thinks that the pump hardly gives anything
    toy.read(values={LEVEL: 8.9})
    _, effects = toy.propose(PUMP, 1.0)
    done = toy.answer(effects)
    assert permits(done) == questions(done) == []


def test_c55_an_answer_of_the_first_is_none_of_the_second(tmp_path: Path) -> None:
    toy = SecondToy(tmp_path)
    effects = released(toy, 5.0)
    (asked,) = (e for e in effects if isinstance(e, Simulate))
    first = foreseen(read_question(asked.question))  # by the first model
    done = SimulationDone(toy.salt(), asked.ident, first, "", toy.site.ahead[PUMP].digest)
    assert permits(toy.core.feed(done, toy.now)) == []


def test_c55_what_only_the_second_starts_from_counts_as_what_a_decision_rests_on(
    tmp_path: Path,
) -> None:
    toy = SecondToy(tmp_path)
    first = toy.site.ahead[PUMP]
    assert first.second is not None
    sources = {**first.second.sources, "drain": Source(FLOW, 0.0, 10.0)}
    second = replace(first.second, sources=sources)
    toy.memory.site = replace(toy.site, ahead={PUMP: replace(first, second=second)})
    command = toy.command(PUMP, 1.0)
    assert FLOW in always(toy.memory, command)
    toy.memory.site = replace(toy.site, ahead={PUMP: replace(first, second=None)})
    assert FLOW not in always(toy.memory, command)
