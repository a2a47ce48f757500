"""Permits come in and outcomes go out, whatever the core does in between."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.unit.app.fake_core import FakeCore, serving
from tests.unit.app.permits import NOW, PERMIT, PLANT, SECOND, permit, sealed
from twinvouch.adapters.actuator_journal import ActuatorJournal, Spending
from twinvouch.adapters.event_stream import OPEN, Caller, events, read_token
from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.app.actuator_link import (
    PERMITS,
    PermitStream,
    Reporter,
    is_settled,
    sealed_permit,
)
from twinvouch.core.errors import (
    ConfigError,
    NotPermittedError,
    UnavailableError,
    UsageError,
)
from twinvouch.wire.sse import ServerEvent


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "actuator-1.token"
    file.touch(mode=0o600)
    file.write_text("tvt_token\n")
    return file


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[ActuatorJournal]:
    made = ActuatorJournal(tmp_path / "actuator", PLANT, NOW, 10 * SECOND)
    for k in range(3):
        spending = Spending(bytes([k]) * 16, "c", "pump-1/speed", (1,), 0, NOW, NOW)
        made.refuse(spending, b"outcome %d" % k)
    yield made
    made.close()


def streamed(
    act: Callable[[FakeCore, list[bytes]], Awaitable[None]], token: Path, silence_s: float = 5.0
) -> list[bytes]:
    """What a PermitStream took while `act` drove the core."""

    async def inside() -> list[bytes]:
        taken: list[bytes] = []

        async def take(raw: bytes) -> None:
            taken.append(raw)

        async with serving() as core, asyncio.TaskGroup() as tasks:
            listen = partial(events, core.url, PERMITS, Caller(token), silence_s)
            pause = partial(asyncio.sleep, 0.001)
            stream = PermitStream(listen, take, lambda _: pause(), lambda: 0.0)
            running = tasks.create_task(stream.run(tasks))
            await act(core, taken)
            running.cancel()
        return taken

    return asyncio.run(asyncio.wait_for(inside(), 20))


async def until(fact: Callable[[], bool]) -> None:
    while not fact():  # noqa: ASYNC110 - the facts are other tasks' lists and counters
        await asyncio.sleep(0.005)


def test_permits_are_taken_and_the_stream_comes_back(token: Path) -> None:
    one, two = sealed(permit(1)), sealed(permit(2))

    async def act(core: FakeCore, taken: list[bytes]) -> None:
        await core.send(one)
        await until(lambda: len(taken) == 1)
        core.cut()
        await core.send(two)
        await until(lambda: len(taken) == 2)
        assert core.streams == 2

    assert streamed(act, token) == [one, two]


def test_what_is_no_permit_is_passed_over(token: Path) -> None:
    async def act(core: FakeCore, taken: list[bytes]) -> None:
        await core.say(b"event: missed\ndata: 4\n\nevent: permit\ndata: not base64!\n\n: hello\n\n")
        await core.send(b"permit")
        await until(lambda: len(taken) == 1)
        assert core.streams == 1

    assert streamed(act, token) == [b"permit"]


def test_a_stream_that_is_none_is_left_and_opened_again(token: Path) -> None:
    async def act(core: FakeCore, taken: list[bytes]) -> None:
        await core.say(b"data: " + b"x" * 70_000)
        await until(lambda: core.streams == 2)
        await core.say(b"data: \xff\xfe\n\n")
        await until(lambda: core.streams == 3)
        await core.send(b"permit")
        await until(lambda: bool(taken))

    assert streamed(act, token) == [b"permit"]


def test_silence_is_the_end_of_a_stream(token: Path) -> None:
    async def act(core: FakeCore, taken: list[bytes]) -> None:
        await until(lambda: core.streams >= 2)
        assert not taken

    assert streamed(act, token, silence_s=0.05) == []


def first_event(url: str, token: Path) -> ServerEvent:
    async def inside() -> ServerEvent:
        stream = events(url, PERMITS, Caller(token))
        try:
            return await anext(stream)
        finally:
            await stream.aclose()

    return asyncio.run(inside())


def test_the_token_is_read_for_each_connection(token: Path) -> None:
    async def act(core: FakeCore, taken: list[bytes]) -> None:
        core.token = "tvt_other"
        core.cut()
        before = core.streams
        await until(lambda: core.streams >= before + 2)
        assert not taken
        await asyncio.to_thread(token.write_text, "tvt_other")
        await core.send(b"permit")
        await until(lambda: bool(taken))

    assert streamed(act, token) == [b"permit"]


def test_why_no_stream_opens(token: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        first_event("http://127.0.0.1:1", token)
    with pytest.raises(UsageError, match="https only"):
        first_event("http://10.0.0.1:8710", token)
    with pytest.raises(ConfigError, match=r"nothing\.token"):
        first_event("http://127.0.0.1:1", tmp_path / "nothing.token")

    async def status(said: str) -> None:
        async with serving() as core:
            core.stream_status = said
            stream = events(core.url, PERMITS, Caller(token))
            try:
                await anext(stream)
            finally:
                await stream.aclose()

    with pytest.raises(NotPermittedError, match="403"):
        asyncio.run(status("403 Forbidden"))
    with pytest.raises(UnavailableError, match="503"):
        asyncio.run(status("503 Service Unavailable"))


def test_a_token_of_another_principal_is_told(token: Path) -> None:
    async def listen(principal: str) -> ServerEvent:
        async with serving() as core:
            core.stream_status = "200 OK\r\nTwinvouch-Principal: actuator-2"
            stream = events(core.url, PERMITS, Caller(token, None, principal))
            try:
                return await anext(stream)
            finally:
                await stream.aclose()

    assert asyncio.run(listen("actuator-2")) == OPEN
    with pytest.raises(NotPermittedError, match=r"'actuator-2'.* is `actuator-1`"):
        asyncio.run(listen("actuator-1"))


def test_open_comes_first(token: Path) -> None:
    async def inside() -> ServerEvent:
        async with serving() as core:
            stream = events(core.url, PERMITS, Caller(token))
            first = await anext(stream)
            await stream.aclose()
            return first

    assert asyncio.run(inside()) == OPEN


@pytest.mark.parametrize("text", ["", "two words", "tvt_\x1b[2J", "ü", "x" * 201])
def test_what_is_no_token(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.token"
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="does not hold one token"):
        read_token(file)


def test_a_token_that_others_can_read_is_refused(token: Path) -> None:
    token.chmod(0o640)
    with pytest.raises(ConfigError, match="0640"):
        read_token(token)


def test_only_permits_are_permits() -> None:
    assert sealed_permit(ServerEvent("permit", "aGk=")) == b"hi"
    assert sealed_permit(ServerEvent("message", "aGk=")) == b"hi"
    assert sealed_permit(ServerEvent("missed", "aGk=")) is None
    assert sealed_permit(ServerEvent("permit", "aGk")) is None
    assert sealed_permit(ServerEvent("permit", "a k=")) is None
    assert sealed_permit(ServerEvent("permit", "ü")) is None


@pytest.mark.parametrize(
    ("status", "body", "settled"),
    [
        (200, {"status": "executed"}, True),
        (200, {"status": "duplicate"}, True),
        (200, {"status": "refused"}, False),
        (200, {}, False),
        (422, {"status": "refused"}, True),
        (422, {}, False),
        (401, {"status": "refused"}, False),
        (403, {"status": "refused"}, False),
        (429, {"status": "refused"}, False),
        (404, {"detail": "no such path"}, False),
        (503, {"status": "refused"}, False),
        (302, {"status": "executed"}, False),
    ],
)
def test_what_settles_an_outcome(status, body, settled) -> None:
    assert is_settled(status, body) is settled


def reported(
    journal: ActuatorJournal, act: Callable[[FakeCore, asyncio.Event], Awaitable[None]]
) -> list[bytes]:
    async def inside() -> list[bytes]:
        more = asyncio.Event()
        async with serving() as core, HttpTransport(core.url) as transport:
            pause = partial(asyncio.sleep, 0.001)
            reporter = Reporter(journal, transport, lambda _: pause(), lambda: 0.0)
            running = asyncio.create_task(reporter.run(more))
            await act(core, more)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return core.outcomes

    return asyncio.run(asyncio.wait_for(inside(), 20))


def test_outcomes_go_out_in_order_and_leave_the_journal(journal: ActuatorJournal) -> None:
    async def act(core: FakeCore, more: asyncio.Event) -> None:
        await until(lambda: not journal.outbox)
        journal.finish(PERMIT.nonce, b"outcome 3")
        more.set()
        await until(lambda: not journal.outbox)

    assert reported(journal, act) == [b"outcome %d" % k for k in range(4)]


def test_an_outcome_waits_until_the_core_has_it(journal: ActuatorJournal) -> None:
    async def act(core: FakeCore, more: asyncio.Event) -> None:
        core.answer = (503, {"status": "busy"})
        await core.wait_for(3)
        assert len(journal.outbox) == 3
        core.answer = (200, {"status": "executed"})
        await until(lambda: not journal.outbox)

    got = reported(journal, act)
    assert set(got[:-3]) == {b"outcome 0"}
    assert got[-3:] == [b"outcome %d" % k for k in range(3)]


def test_an_outcome_that_the_core_will_never_take_blocks_no_other(
    journal: ActuatorJournal,
) -> None:
    async def act(core: FakeCore, more: asyncio.Event) -> None:
        core.answer = (422, {"status": "refused", "detail": "not its own"})
        await until(lambda: not journal.outbox)

    assert len(reported(journal, act)) == 3
