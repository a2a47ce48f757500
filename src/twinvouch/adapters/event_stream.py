"""Server-sent events from the core over HTTP: one connection, until it ends; when to come back is the caller's.

The token is read anew for each connection, so that it can be changed while the process runs.
"""

import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import httpx

from twinvouch.adapters.http_transport import expect_safe
from twinvouch.adapters.known_secrets import remember
from twinvouch.adapters.private_file import forbidden_bits
from twinvouch.core.errors import (
    ConfigError,
    MalformedError,
    NotPermittedError,
    UnavailableError,
)
from twinvouch.wire.sse import EventDecoder, ServerEvent

OPEN: Final = ServerEvent("open", "")
SILENCE_S: Final = 30.0  # the core says something every 10 s
_CONNECT_S = 5.0


async def events(
    url: str, path: str, token_file: Path, silence_s: float = SILENCE_S
) -> AsyncGenerator[ServerEvent]:
    """OPEN once the core has answered, then the events of `url` + `path` until the stream ends: an error.

    UnavailableError: nobody answered, silence for `silence_s`, or the end; NotPermittedError: the token
    is refused; ConfigError: the token file is no good.
    """
    token = read_token(token_file)
    expect_safe(url, token)
    timeout = httpx.Timeout(_CONNECT_S, read=silence_s)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    decoder = EventDecoder()
    try:
        async with (
            httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
            client.stream("GET", url.rstrip("/") + path, headers=headers) as answer,
        ):
            _expect_stream(url, answer)
            yield OPEN
            async for chunk in answer.aiter_raw():
                for event in decoder.feed(chunk):
                    yield event
    except httpx.RequestError as error:
        why = str(error) or type(error).__name__
        raise UnavailableError(f"the core at `{url}` does not answer: {why}") from None
    except MalformedError as error:
        raise UnavailableError(f"the core at `{url}` sends no events: {error}") from None
    raise UnavailableError(f"the core at `{url}` ended the stream")


def read_token(file: Path) -> str:
    """The token in a file that nobody else may read; ConfigError where it is missing or no token."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_bytes().decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"token file `{file}` cannot be read: {error.strerror}") from None
    if mode & forbidden_bits(file):
        raise ConfigError(
            f"token file `{file}` has mode {mode:04o}, expected 0600: others can read it"
        )
    if not (0 < len(text) <= 200 and text.isascii() and text.isprintable() and " " not in text):
        raise ConfigError(f"token file `{file}` does not hold one token")
    return remember(text)


def _expect_stream(url: str, answer: httpx.Response) -> None:
    kind = answer.headers.get("Content-Type", "")
    if answer.status_code == httpx.codes.OK and kind.startswith("text/event-stream"):
        return
    said = f"the core at `{url}` answered {answer.status_code}"
    if answer.status_code in {401, 403}:
        raise NotPermittedError(
            f"{said}: is the token that of the principal which `actuator:` of twin.yaml names?"
        )
    raise UnavailableError(f"{said}, expected an event stream")
