"""One call to a witness: C2SP tlog-witness add-checkpoint, answered with a cosignature, or with why not."""

import ssl
from dataclasses import dataclass
from typing import Protocol

import httpx

from twinvouch.core.errors import MalformedError, SignatureError, UnavailableError
from twinvouch.ledger import checkpoint, witness
from twinvouch.ledger.cosignature import WitnessKey, expect_cosigned
from twinvouch.ledger.witness import Request, write_request

TIMEOUT_S = 5.0
ANSWER_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` as HTTP; `line` the signature lines where it is 200; `size` what was cosigned last where it is 409."""

    code: int
    line: bytes = b""
    size: int = 0
    why: str = ""


class Asked(Protocol):
    """A witness that can be asked."""

    @property
    def key(self) -> WitnessKey:
        """By whose key it is known here."""
        ...

    def ask(self, request: Request) -> Answer:
        """One add-checkpoint; UnavailableError where nothing useful came back."""
        ...


class WitnessClient:
    """A witness over HTTP; its cosignature is verified here. One thread."""

    def __init__(
        self,
        key: WitnessKey,
        url: str,
        tls: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.key = key
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=tls or True,
            transport=transport,
        )

    def ask(self, request: Request) -> Answer:
        """One add-checkpoint; UnavailableError where nothing useful came back."""
        try:
            with self._http.stream(
                "POST", "/add-checkpoint", content=write_request(request)
            ) as reply:
                body = b""
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > ANSWER_MAX:
                        raise UnavailableError(f"witness `{self.key.name}`: too long an answer")
        except httpx.HTTPError as error:
            raise UnavailableError(f"witness `{self.key.name}`: {error}") from None
        return self._read(request, reply.status_code, body)

    def close(self) -> None:
        """Release the connection."""
        self._http.close()

    def _read(self, request: Request, code: int, body: bytes) -> Answer:
        text = body.decode("utf-8", "replace").strip()
        if code == witness.CONFLICT and text.isascii() and text.isdigit() and len(text) < 20:
            return Answer(code, size=int(text))
        if code != witness.OK:
            return Answer(code, why=text[:300])
        try:
            note = _with_lines(request.note, body)
            expect_cosigned(note, self.key)
        except (MalformedError, SignatureError) as error:
            raise UnavailableError(f"witness `{self.key.name}`: {error}") from None
        mine = [s for s in note.signatures if (s[0], s[1][:4]) == (self.key.name, self.key.key_id)]
        line = checkpoint.write_note(checkpoint.Note(b"", tuple(mine[-1:])))
        return Answer(code, line.removeprefix(b"\n"))


def _with_lines(raw: bytes, body: bytes) -> checkpoint.Note:
    """The note with the lines of an answer; MalformedError where they are more than signature lines."""
    note = checkpoint.read_note(raw + body)
    if note.text != checkpoint.read_note(raw).text:
        raise MalformedError("expected nothing but signature lines")
    return note
