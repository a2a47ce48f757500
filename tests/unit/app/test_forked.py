"""Work in a copy of this process: its answer comes back, what it changes does not, and a failure is told."""

import pytest

from twinvouch.app.bench.forked import forked


def test_the_answer_comes_back_and_nothing_else_does() -> None:
    seen = [1]

    def work() -> list[int]:
        seen.append(2)
        return seen

    assert forked(work) == [1, 2]
    assert seen == [1]


def test_an_answer_larger_than_a_pipe_holds() -> None:
    assert forked(lambda: bytes(1 << 20)) == bytes(1 << 20)


def test_a_copy_that_fails_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="ended with 1"):
        forked(lambda: 1 // 0)
    assert "ZeroDivisionError" in capfd.readouterr().err
