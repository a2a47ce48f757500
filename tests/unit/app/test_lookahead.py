"""Workers of look-ahead: real processes, and everything that goes wrong in them is no answer."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue

import pytest

from tests.unit.engine.ahead import NUMBERS, TANK, ahead, foreseen
from tests.unit.twin.test_rollout import question
from twinvouch.app.foresight import shared
from twinvouch.app.lookahead import QUEUED, Served, Workers
from twinvouch.app.lookahead_worker import Plan, Worker
from twinvouch.app.model_class import make
from twinvouch.commands.lookahead import judge
from twinvouch.core.command import Verdict
from twinvouch.core.errors import ConfigError
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.lookahead import Prediction
from twinvouch.wire.lookahead import read_foresight, write_question

REFERENCE = "twinvouch.twin.tank:Tank"
DEADLINE_S = 20.0  # of a test that should get an answer, on any machine
ASKED = question(4.0, 6.0)


@contextmanager
def serving(
    reference: str = REFERENCE, deadline_s: float = DEADLINE_S, workers: int = 1
) -> "Iterator[Pool]":
    made = make(reference, b"", NUMBERS)
    plan = Plan("net", reference, b"", NUMBERS, made.digest, 512)
    pool = Pool(Served(plan, made.model, workers, deadline_s))
    try:
        yield pool
    finally:
        pool.workers.stop()


class Pool:
    def __init__(self, served: Served) -> None:
        self.told: Queue[SimulationDone] = Queue()
        self.digest = served.plan.digest
        self.workers = Workers([served], self.told.put)
        self.workers.start()

    def ask(self, ident: str = "a") -> SimulationDone:
        self.take(ident)
        return self.told.get(timeout=60)

    def take(self, ident: str) -> None:
        asked = replace(ASKED, digest=self.digest)
        self.workers.take(Simulate(ident, write_question(asked)))


def hostile(name: str) -> str:
    return f"tests.unit.app.hostile_models:{name}"


def verdict(done: SimulationDone, digest: bytes) -> Verdict:
    seen = None if done.why else read_foresight(done.foresight)
    asked = replace(ASKED, digest=digest)
    return judge(ahead(digest=digest), Prediction(asked, seen, done.why)).verdict


def test_a_worker_answers_what_it_would_answer_here() -> None:
    with serving() as pool:
        done = pool.ask()
        assert (done.ident, done.why, done.digest) == ("a", "", TANK.digest)
        assert verdict(done, pool.digest) is Verdict.ALLOW
        assert pool.ask("b").foresight == done.foresight


def test_a_core_with_a_thousand_connections_gets_its_answers() -> None:
    """`select()` would not: a core has more descriptors than it knows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with serving() as pool:
            assert pool.ask().why == ""
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Dies", "died before it answered"),
        ("Raises", "could not take the question"),
        ("Grows", "could not take the question"),
        ("NotANumber", "not finite"),
        ("Optimist", ""),
    ],
)
def test_what_goes_wrong_in_a_worker_is_a_hold_and_the_next_question_finds_one(
    name: str, why: str
) -> None:
    with serving(hostile(name)) as pool:
        for ident in ("a", "b"):
            done = pool.ask(ident)
            assert why in done.why
            assert verdict(done, pool.digest) is Verdict.HOLD


def test_a_worker_that_hangs_is_killed_at_the_deadline_and_replaced() -> None:
    with serving(hostile("Hangs"), deadline_s=0.5) as pool:
        (worker,) = pool.workers.workers
        for ident in ("a", "b"):
            why = pool.ask(ident).why
            assert "in time" in why or "deadline" in why
        while worker.starts < 2:
            time.sleep(0.01)


def test_a_worker_that_is_killed_between_questions_is_not_missed() -> None:
    with serving() as pool:
        first = pool.ask()
        os.kill(pool.workers.workers[0].pid, signal.SIGKILL)
        time.sleep(0.05)
        assert pool.ask("b").foresight == first.foresight


def test_several_workers_share_the_members_out_and_say_what_one_would_say() -> None:
    with serving() as one, serving(workers=2) as two:
        assert two.ask().foresight == one.ask().foresight
        assert all(worker.starts == 1 for worker in two.workers.workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_comes_of_no_command_is_one_run_a_member_whoever_runs_it(workers: int) -> None:
    with serving(workers=workers) as pool:
        idle = replace(ASKED, digest=pool.digest, actuator="", value=0.0, low=0.0, high=0.0)
        pool.workers.take(Simulate("idle", write_question(idle)))
        done = pool.told.get(timeout=60)
        assert done.foresight == foreseen(idle)
        seen = read_foresight(done.foresight)
        laws = len(seen.laws)
        assert len(seen.commands) == 5 * laws
        assert all(seen.commands[n] == seen.commands[n - n % laws] for n in range(5 * laws))


def test_of_several_workers_the_death_of_one_is_no_answer_and_all_are_back() -> None:
    with serving(hostile("Hangs"), deadline_s=30.0, workers=2) as pool:
        while not all(worker.pid for worker in pool.workers.workers):
            time.sleep(0.01)
        pool.take("a")
        time.sleep(1.0)
        pids = [worker.pid for worker in pool.workers.workers]
        os.kill(pids[0], signal.SIGKILL)
        done = pool.told.get(timeout=30)
        assert "worker of `net`" in done.why  # died before it answered, or takes no question
        assert verdict(done, pool.digest) is Verdict.HOLD
        while not all(w.pid and w.pid not in pids for w in pool.workers.workers):
            time.sleep(0.01)


@pytest.mark.parametrize(("count", "ways"), [(5, 1), (5, 2), (5, 3), (1, 4), (5, 16), (64, 3)])
def test_every_member_is_asked_of_one_worker(count: int, ways: int) -> None:
    parts = shared(count, ways)
    assert [n for part in parts for n in range(count)[part]] == list(range(count))
    assert max(p.stop - p.start for p in parts) - min(p.stop - p.start for p in parts) <= 1


def test_a_worker_that_is_killed_in_mid_decision_is_a_hold() -> None:
    with serving(hostile("Hangs"), deadline_s=30.0) as pool:
        pool.take("a")
        time.sleep(1.0)
        os.kill(pool.workers.workers[0].pid, signal.SIGKILL)
        done = pool.told.get(timeout=30)
        assert "died before it answered" in done.why
        assert verdict(done, pool.digest) is Verdict.HOLD


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="by a call of Linux")
def test_a_worker_that_hangs_does_not_outlive_who_started_it() -> None:
    program = (
        "import os, threading\n"
        "from tests.unit.app.test_lookahead import Pool, hostile, serving\n"
        "with serving(hostile('Hangs'), 60.0) as pool:\n"
        "    while not pool.workers.workers[0].pid: pass\n"
        "    pool.take('a'); print(pool.workers.workers[0].pid, flush=True); threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None
        worker = int(p.stdout.readline())
        time.sleep(0.5)
        p.kill()
    give_up = time.monotonic() + 30
    while Path(f"/proc/{worker}/stat").exists() and time.monotonic() < give_up:
        if Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        assert time.monotonic() < give_up


def test_what_a_model_prints_is_no_answer() -> None:
    with serving(hostile("Prints")) as pool:
        assert verdict(pool.ask(), pool.digest) is Verdict.ALLOW


def test_a_model_cannot_speak_to_anybody_or_start_a_program() -> None:
    with serving(hostile("Calls")) as pool:
        done = pool.ask()
        if pool.workers.workers[0].unprevented:
            pytest.skip(pool.workers.workers[0].unprevented)
        assert done.why == ""


def test_a_queue_that_is_full_and_a_model_that_is_none_are_said_at_once() -> None:
    with serving(hostile("Hangs"), deadline_s=60.0) as pool:
        for n in range(QUEUED + 2):
            pool.take(str(n))
        asked = replace(ASKED, model="other")
        pool.workers.take(Simulate("x", write_question(asked)))
        pool.workers.take(Simulate("y", b"\xff"))
        told = [pool.told.get(timeout=5)]
        while told[-1].ident != "y":
            told.append(pool.told.get(timeout=5))
        *full, other, _ = told
        assert all("wait already" in done.why for done in full)
        assert len(full) in {1, 2}
        assert "not configured" in other.why


def test_a_worker_that_runs_another_model_is_not_asked() -> None:
    plan = Plan("net", REFERENCE, b"", NUMBERS, bytes(32), 512)
    worker = Worker(plan)
    with pytest.raises(Exception, match="another model"):
        worker.start()
    assert worker.pid == 0


@pytest.mark.parametrize(
    "reference", ["no.such.module:Tank", "twinvouch.twin.tank:NoTank", "twinvouch.twin.tank:_DAY_S"]
)
def test_a_class_that_is_none_is_a_wrong_configuration(reference: str) -> None:
    with pytest.raises(ConfigError, match="model"):
        make(reference, b"", NUMBERS)


def test_whoever_changes_a_number_has_another_model() -> None:
    assert make(REFERENCE, b"", {**NUMBERS, "swing": 0.1}).digest != TANK.digest
