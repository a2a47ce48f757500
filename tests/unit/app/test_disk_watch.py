"""When the disk counts as full, what is said of it and how often, and that it ends by itself."""

from dataclasses import dataclass

import pytest

from twinvouch.adapters.reserve import Room
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.core.errors import FullError
from twinvouch.core.event import (
    BatchReceived,
    CommandProposed,
    DiskChanged,
    ModelSubmitted,
    OutcomeReported,
    StatementReceived,
)

SECOND = 1_000_000_000
BATCH = BatchReceived(b"", "p", b"raw")


@dataclass
class Spare:
    free: int = 500
    is_there: bool = True
    can_make: bool = True

    def room(self) -> Room:
        return Room(self.free, 1000)

    def make(self) -> bool:
        self.is_there = self.is_there or self.can_make
        return self.is_there

    def release(self) -> bool:
        had, self.is_there = self.is_there, False
        return had


def test_full_below_the_reserve_and_over_a_little_above_it() -> None:
    spare = Spare(51)
    watch = DiskWatch(spare, 5.0)
    assert watch.look(0, b"s") is None
    spare.free = 49
    assert watch.look(SECOND, b"s") == DiskChanged(b"s", 1, 49, 1000, 0)
    assert watch.look(2 * SECOND, b"s") is None, "said once"
    spare.free = 54
    assert watch.look(3 * SECOND, b"s") is None, "not yet: it would come and go"
    spare.free = 56
    assert watch.look(4 * SECOND, b"s") == DiskChanged(b"s", 0, 56, 1000, 0)


def test_readings_and_models_are_refused_and_counted_nothing_else_is() -> None:
    watch = DiskWatch(Spare(10), 5.0)
    watch.look(0, b"s")
    for _ in range(3):
        with pytest.raises(FullError, match="try again"):
            watch.admit(BATCH)
    with pytest.raises(FullError):
        watch.admit(ModelSubmitted(b"", "p", b"", ()))
    watch.admit(CommandProposed(b"", "p", b"", ""))  # denied by the gate, which says so
    watch.admit(StatementReceived(b"", "p", b""))
    watch.admit(OutcomeReported(b"", "p", b""))
    assert watch.look(59 * SECOND, b"s") is None
    assert watch.look(60 * SECOND, b"s") == DiskChanged(b"s", 1, 10, 1000, 3)
    assert watch.look(180 * SECOND, b"s") is None, "nothing more was refused"


def test_a_reserve_that_was_given_up_means_full_until_it_is_made_again() -> None:
    spare = Spare(900)
    watch = DiskWatch(spare, 5.0)
    assert watch.release()
    assert not watch.release()
    assert watch.is_full
    assert watch.is_spent
    spare.can_make = False
    said = watch.look(0, b"s")
    assert said is not None
    assert said.full == 1
    spare.can_make = True
    said = watch.look(SECOND, b"s")
    assert said is not None
    assert said.full == 0
    assert not watch.is_spent
    watch.admit(BATCH)


def test_a_start_remembers_what_was_said_last() -> None:
    spare = Spare(10)
    watch = DiskWatch(spare, 5.0)
    watch.begin(was_full=True)
    with pytest.raises(FullError):
        watch.admit(BATCH)
    assert watch.look(0, b"s") is None
    spare.free = 900
    said = watch.look(1, b"s")
    assert said is not None
    assert said.full == 0


def test_a_disk_that_does_not_answer_counts_as_full() -> None:
    class Broken(Spare):
        def room(self) -> Room:
            raise OSError(5, "input/output error")

    watch = DiskWatch(Broken(), 5.0)
    assert watch.look(0, b"s") == DiskChanged(b"s", 1, 0, 0, 0)


def test_what_was_not_heard_is_said_again() -> None:
    watch = DiskWatch(Spare(10), 5.0)
    said = watch.look(0, b"s")
    assert said is not None
    watch.put_back(said)
    assert watch.look(1, b"s") == said
    assert watch.look(2, b"s") is None
