"""A controller over Modbus/TCP, plain or TLS: fits ports.Device.

One connection, and one request in flight unless the device is said to take more; then answers may come in any order
and are taken by their transaction. It connects when it is first needed, and again after a failure. An answer that
belongs to no request that waits, or is not Modbus, ends the connection: what comes after it on the same stream
cannot be told apart from an answer to a later request.
"""

import asyncio
import ssl
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from twinvouch.adapters.private_file import forbidden_bits
from twinvouch.core.errors import ConfigError, MalformedError, TwinvouchError, UnavailableError
from twinvouch.core.inventory import Table
from twinvouch.wire.modbus import (
    answer_to,
    mask_of,
    read_of,
    read_response,
    write_of,
    write_request,
)
from twinvouch.wire.modbus_message import (
    EXCEPTIONS,
    MOST,
    READS,
    Detail,
    Function,
    Identification,
    Identify,
    ReadWrite,
    Refusal,
    Request,
    Response,
)
from twinvouch.wire.modbus_stream import Frame, Stream, write_frame

MOST_READ: Final = {table.value: MOST[function] for table, function in READS.items()}
_CHUNK = 4096
Answer: TypeAlias = tuple[tuple[int, ...], Response]
Asked: TypeAlias = tuple[int, Request]  # unit
Sent: TypeAlias = tuple[int, Request, bytes]  # unit, and the PDU
_MOST_PARTS = 32  # answers that one identification may come in: no device has so much to say


class ModbusExceptionError(TwinvouchError):
    """The device answered, and refused; `code` is the Modbus exception code. Nothing was written."""

    exit_code = 1

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority that the device's certificate must come from, and our own certificate.

    The certificate carries the role that the device goes by. The key's file must not be readable by others.
    """

    ca: Path
    cert: Path | None = None
    key: Path | None = None


class ModbusDevice:
    """One Modbus/TCP server at `host:port`; every call is answered or fails within `timeout_s`.

    Raises UnavailableError where nothing usable came back (a write may then have happened),
    ModbusExceptionError where the device refused, UsageError for what one request cannot ask.
    """

    def __init__(
        self,
        host: str,
        port: int,
        timeout_s: float = 2.0,
        tls: TlsFiles | None = None,
        in_flight: int = 1,
    ) -> None:
        self.name = f"{host}:{port}"
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._tls = tls_context(tls) if tls is not None else None
        self._in_flight = in_flight
        self._turn = asyncio.Lock()
        self._transaction = 0
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def read(self, unit: int, table: str, address: int, count: int) -> tuple[int, ...]:
        """Read `count` registers (at most 125) or coils (2000): words, or 0 and 1."""
        return (await self._ask(unit, read_of(Table(table), address, count)))[0]

    async def read_many(
        self, places: Sequence[tuple[int, str, int, int]]
    ) -> list[tuple[int, ...] | TwinvouchError]:
        """Several reads `(unit, table, address, count)`: of each its words, or why it has none."""
        asked = [(unit, read_of(Table(table), at, count)) for unit, table, at, count in places]
        found = await self._ask_all(asked) if asked else []
        return [each if isinstance(each, TwinvouchError) else each[0] for each in found]

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        """Write registers (at most 123) or coils (1968); returns when the device confirmed."""
        await self._ask(unit, write_of(Table(table), address, words))

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        """Make a holding register `(old & keep) | (put & ~keep)`; a device without function 22 refuses."""
        await self._ask(unit, mask_of(address, keep, put))

    async def exchange(
        self, unit: int, write: tuple[int, Sequence[int]], read: tuple[int, int]
    ) -> tuple[int, ...]:
        """Write words at an address, then read `(address, count)`, holding registers, in one request (23)."""
        address, words = write
        request = ReadWrite(Function.READ_WRITE, *read, address, tuple(words))
        return (await self._ask(unit, request))[0]

    async def identify(self, unit: int, detail: Detail = Detail.REGULAR) -> Mapping[int, bytes]:
        """What the device says it is (43/14): texts by object id, as many requests as it takes."""
        objects: dict[int, bytes] = {}
        following: int | None = 0
        for _ in range(_MOST_PARTS):
            _, part = await self._ask(unit, Identify(Function.IDENTIFY, detail, following or 0))
            assert isinstance(part, Identification)
            objects |= dict(part.objects)
            following = part.following
            if following is None:
                break
        return objects

    async def close(self) -> None:
        """Close the connection; the next call would open another."""
        async with self._turn:
            self._drop()
        await asyncio.sleep(0)  # the transport closes in the next turn of the loop

    async def _ask(self, unit: int, request: Request) -> Answer:
        """One request, the items it asked for and its whole answer. Whatever ends this early also ends the connection."""
        (got,) = await self._ask_all([(unit, request)])
        if isinstance(got, TwinvouchError):
            raise got
        return got

    async def _ask_all(self, asked: Sequence[Asked]) -> list[Answer | TwinvouchError]:
        """For each request its answer, or why there is none; whatever ends this early ends the connection too."""
        sent = [(unit, request, write_request(request)) for unit, request in asked]
        got: dict[int, Answer | TwinvouchError] = {}
        why = ""
        async with self._turn:
            is_whole = False
            try:
                is_whole = await self._exchange(sent, got)
            except TimeoutError:
                why = f"did not answer within {self._timeout_s:g} s"
            except (OSError, EOFError) as error:
                why = f"is not reachable: {str(error) or type(error).__name__}"
            except MalformedError as error:
                why = f"answered nonsense: {error}"
            finally:
                if not is_whole:
                    self._drop()
        missing = UnavailableError(f"device {self.name} {why}")
        return [got.get(n, missing) for n in range(len(sent))]

    async def _exchange(
        self, sent: Sequence[Sent], got: dict[int, Answer | TwinvouchError]
    ) -> bool:
        """Send, `in_flight` at most on the way at once, and take answers by transaction; True: nothing came after them.

        Time begins anew with each answer, never with mere bytes: one that drips cannot hold anybody up.
        """
        waiting: dict[int, int] = {}  # transaction -> which request
        stream, following = Stream(), 0
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s) as limit:
            reader, writer = await self._connected()
            while True:
                while following < len(sent) and len(waiting) < self._in_flight:
                    self._transaction = (self._transaction + 1) & 0xFFFF
                    waiting[self._transaction] = following
                    unit, _, pdu = sent[following]
                    writer.write(write_frame(self._transaction, unit, pdu))
                    following += 1
                chunk = await reader.read(_CHUNK)
                if not chunk:
                    raise EOFError("it closed the connection")
                frames = stream.feed(chunk)
                for at, frame in enumerate(frames, 1):
                    number = _claimed(frame, waiting, sent)
                    got[number] = self._taken(sent[number][1], frame)
                    limit.reschedule(loop.time() + self._timeout_s)
                    if len(got) == len(sent):
                        return at == len(frames) and not stream.pending and not stream.fault

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._link is not None and self._link[0].at_eof():
            self._drop()  # the device closed it while nothing was asked
        if self._link is None:
            self._link = await asyncio.open_connection(
                self._host, self._port, ssl=self._tls, limit=_CHUNK
            )
        return self._link

    def _taken(self, request: Request, frame: Frame) -> Answer | TwinvouchError:
        """The items that a frame brings, or its refusal; MalformedError where it fits no such request."""
        response = read_response(frame.pdu)
        answer = answer_to(request, response)
        if isinstance(answer, Refusal):
            why = EXCEPTIONS.get(answer.code, "a code of its own")
            text = f"device {self.name} refused {request!r:.100}: exception {answer.code} ({why})"
            return ModbusExceptionError(text, answer.code)
        return answer, response

    def _drop(self) -> None:
        if self._link is not None:
            self._link[1].transport.abort()
            self._link = None


def _claimed(frame: Frame, waiting: dict[int, int], sent: Sequence[Sent]) -> int:
    """Which request a frame answers, that waits for it no more; MalformedError where none of that unit does."""
    number = waiting.get(frame.transaction)
    if number is None or sent[number][0] != frame.unit:
        wanted = [f"{t} of unit {sent[n][0]}" for t, n in waiting.items()]
        raise MalformedError(
            f"expected the answer to transaction {' or '.join(wanted)}, "
            f"got {frame.transaction} of unit {frame.unit}"
        )
    del waiting[frame.transaction]
    return number


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer that trusts only `files.ca` and checks the name; ConfigError where a file is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(files.ca, lambda: context.load_verify_locations(files.ca))
    if (files.cert is None) != (files.key is None):
        raise ConfigError("tls: expected both `cert` and `key`, or neither")
    cert, key = files.cert, files.key
    if cert is not None and key is not None:
        _load(key, lambda: _refuse_readable(key))
        # an empty password: an encrypted key is refused, and nobody is asked on a terminal
        _load(cert, lambda: context.load_cert_chain(cert, key, password=""))
    return context


def _load(path: Path, action: Callable[[], None]) -> None:
    try:
        action()
    except ssl.SSLError as error:
        raise ConfigError(f"tls file `{path}` cannot be used: {error.reason or error}") from None
    except OSError as error:
        raise ConfigError(f"tls file `{path}` cannot be read: {error.strerror}") from None


def _refuse_readable(key: Path) -> None:
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & forbidden_bits(key):
        raise ConfigError(
            f"tls key `{key}` has mode {mode:04o}, expected 0600: others can read it; "
            f"`chmod 600 {key}` if nobody else had access"
        )
