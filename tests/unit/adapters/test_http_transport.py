"""The transport: what the core answered, or UnavailableError; nothing else comes out of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.core.event import Plain

Answer = tuple[int, Mapping[str, Plain]]


class Server:
    """A raw TCP server that records each request and answers with fixed bytes."""

    def __init__(self, answer: bytes | None, *, close: bool = False) -> None:
        self.answer = answer
        self.close = close
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                if self.answer is None:
                    await asyncio.sleep(60)
                else:
                    writer.write(self.answer)
                if self.close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def run(
    server: Server, act: Callable[[HttpTransport], Awaitable[Answer]], **kwargs: object
) -> Answer:
    async def inside() -> Answer:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            async with HttpTransport(f"http://127.0.0.1:{port}", **kwargs) as transport:  # type: ignore[arg-type]
                return await act(transport)
        finally:
            listener.close()

    return asyncio.run(inside())


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def once(transport: HttpTransport) -> Answer:
    return await transport.send("/api/v1/ingest", b"\x01\x02")


def test_posts_the_body_and_returns_the_object() -> None:
    server = Server(http("200 OK", b'{"status": "admitted"}'))
    assert run(server, once) == (200, {"status": "admitted"})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/ingest HTTP/1.1")
    assert b"content-type: application/cose" in head.lower()
    assert b"authorization" not in head.lower()
    assert body == b"\x01\x02"


def test_one_connection_is_kept_and_the_token_is_sent() -> None:
    server = Server(http("200 OK", b"{}"))

    async def three(transport: HttpTransport) -> Answer:
        for _ in range(2):
            await once(transport)
        return await once(transport)

    run(server, three, token="secret")
    assert server.connections == 1
    assert len(server.requests) == 3
    assert b"authorization: bearer secret" in server.requests[0].lower()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (http("429 Too Many Requests", b"{}", "Retry-After: 3"), (429, {"retry_after_s": 3})),
        (http("503 Busy", b'{"a": 1}', "Retry-After: 999999999999"), (503, {"a": 1, "retry_after_s": 3600})),
        (http("503 Busy", b"", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"), (503, {})),
        (http("503 Busy", b"", "Retry-After: -1"), (503, {})),
        (http("200 OK", b"[1]"), (200, {})),
        (http("200 OK", b"not json \xff"), (200, {})),
        (http("200 OK", b"[" * 100_000), (200, {})),
        (http("302 Found", b"", "Location: http://elsewhere/"), (302, {})),
    ],
)  # fmt: skip
def test_answers_of_all_kinds_are_data(raw: bytes, expected: Answer) -> None:
    server = Server(raw)
    assert run(server, once) == expected
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"]
)
def test_broken_answers_are_unavailable(raw: bytes) -> None:
    with pytest.raises(UnavailableError, match="did not answer"):
        run(Server(raw, close=True), once)


def test_silence_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="ReadTimeout"):
        run(Server(None), once, timeout_s=0.05)


def test_an_endless_answer_is_cut() -> None:
    with pytest.raises(UnavailableError, match="1000000 bytes"):
        run(Server(http("200 OK", bytes(1_100_000))), once)


def test_nobody_there_is_unavailable() -> None:
    async def refused() -> None:
        listener = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        async with HttpTransport(f"http://127.0.0.1:{port}") as transport:
            await once(transport)

    with pytest.raises(UnavailableError, match="did not answer"):
        asyncio.run(refused())


@pytest.mark.parametrize(
    ("url", "token", "why"),
    [
        ("ftp://host", "", "expected http"),
        ("host:80", "", "expected http"),
        ("http://", "", "expected http"),
        ("http://a\x00b", "", "is not a URL"),
        ("http://192.0.2.1:8710", "secret", "https only"),
        ("http://core.example", "secret", "https only"),
    ],
)
def test_misuse_is_refused_at_once(url: str, token: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        HttpTransport(url, token)
    assert not token or token not in str(caught.value)


def test_https_is_checked_against_known_authorities() -> None:
    async def talk() -> None:
        from ssl import CERT_REQUIRED

        async with HttpTransport("https://127.0.0.1:1", "secret") as transport:
            context = transport._client._transport._pool._ssl_context  # type: ignore[attr-defined]
            assert context.verify_mode == CERT_REQUIRED
            assert context.cert_store_stats()["x509_ca"] > 10
            with pytest.raises(UnavailableError):
                await once(transport)

    asyncio.run(talk())
