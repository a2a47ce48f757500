from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.ahead import TANK, foreseen
from tests.unit.twin.test_rollout import question
from twinvouch.core.errors import MalformedError
from twinvouch.twin.rollout import run
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.lookahead import (
    is_whole,
    read_answer,
    read_foresight,
    read_question,
    write_answer,
    write_foresight,
    write_question,
)

ASKED = question(4.0, 6.0)
ANSWER = write_answer(run(TANK.model, ASKED, is_command=True))
FORESIGHT = foreseen(ASKED)
READERS = {
    "question": (read_question, write_question(ASKED)),
    "standing": (read_question, write_question(replace(ASKED, standing=(0.5, 0.25)))),
    "answer": (read_answer, ANSWER),
    "foresight": (read_foresight, FORESIGHT),
}


def test_they_come_back_as_they_were() -> None:
    assert read_question(write_question(ASKED)) == ASKED
    seen = read_foresight(FORESIGHT)
    assert write_foresight(seen) == FORESIGHT
    traces = run(TANK.model, ASKED, is_command=True)
    for told, trace in zip(read_answer(ANSWER), traces, strict=True):
        assert np.array_equal(told.rows, trace.rows)
        assert told.sampled == trace.sampled


def test_what_no_command_may_be_comes_back_and_an_older_question_does_not_say() -> None:
    told = replace(ASKED, standing=(0.5, 0.25))
    assert read_question(write_question(told)) == told
    content = decode(write_question(told))
    assert isinstance(content, list)
    for wrong, match in (
        ([*content[:-1], []], "standing"),
        ([1, *content[1:]], "version"),
        (content[:-1], "version"),
    ):
        with pytest.raises(MalformedError, match=match):
            read_question(encode(wrong))
    assert not is_whole(replace(told, standing=(float("nan"),)))
    assert not is_whole(replace(told, standing=(0.0,) * 9))


def test_what_eases_comes_back_and_an_older_foresight_has_none() -> None:
    seen = read_foresight(FORESIGHT)
    assert seen.eased == ()
    runs = len(seen.commands)
    told = replace(seen, eased=(True,) + (False,) * (runs - 1))
    assert read_foresight(write_foresight(told)) == told
    content = decode(write_foresight(told))
    assert isinstance(content, list)
    with pytest.raises(MalformedError, match="eased"):
        read_foresight(encode([*content[:-1], [2] * runs]))
    for eased in ((), told.eased):
        more = replace(told, eased=eased, further=(False,) * (runs - 1) + (True,))
        assert read_foresight(write_foresight(more)) == more
        with pytest.raises(MalformedError, match="version"):
            read_foresight(write_foresight(more).replace(b"\x8b\x03", b"\x8b\x02", 1))


@pytest.mark.parametrize("what", READERS)
@given(data=st.data())
def test_whatever_bytes_come_nothing_but_malformed_is_raised(
    what: str, data: st.DataObject
) -> None:
    read, good = READERS[what]
    at = data.draw(st.integers(0, min(len(good), 400) - 1))
    raw = data.draw(
        st.one_of(
            st.binary(max_size=60),
            st.just(good[:at]),
            st.integers(1, 255).map(lambda x: good[:at] + bytes([good[at] ^ x]) + good[at + 1 :]),
        )
    )
    try:
        read(raw)
    except MalformedError:
        return


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1, None, "x"])
def test_a_foresight_has_finite_floats_only(value: object) -> None:
    content = decode(FORESIGHT)
    assert isinstance(content, list)
    content[4][0][0] = value
    with pytest.raises(MalformedError):
        read_foresight(encode(content))


@pytest.mark.parametrize(
    ("place", "value"), [(0, -1.0), (1, 0.0), (1, 1e9), (2, 0.0), (2, -5.0), (2, 1e-3)]
)
def test_a_question_has_times_that_fit(place: int, value: float) -> None:
    content = decode(write_question(ASKED))
    assert isinstance(content, list)
    content[7][place] = value
    with pytest.raises(MalformedError):
        read_question(encode(content))
