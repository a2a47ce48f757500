"""Bytes to the core over HTTP: one kept connection, one time limit, no retries and no redirects.

When to try again is the caller's decision; this says only whether and what the core answered.
"""

import ipaddress
import json
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import httpx

from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.core.event import Plain

_MOST: Final = 1_000_000  # bytes of an answer; ours have a few hundred


class HttpTransport:
    """Posts to the core at `url`; fits ports.Transport. `token` travels as a bearer token, `tls` is our side of mutual TLS.

    Raises UsageError where a token would leave this machine unencrypted.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        timeout_s: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        scheme = expect_safe(url, token)
        self._url = url
        # loading the authorities of the world takes 130 ms and is for https only; none are trusted else
        public = httpx.create_ssl_context if scheme == "https" else _trusting_nobody
        trusted = tls if tls is not None else public()
        self._client = httpx.AsyncClient(
            base_url=url,
            verify=trusted,
            timeout=timeout_s,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=False,  # a proxy from the environment is no place for a plant's data
            limits=httpx.Limits(max_keepalive_connections=4, keepalive_expiry=60.0),
        )

    async def send(
        self, path: str, body: bytes, content_type: str = "application/cose"
    ) -> tuple[int, Mapping[str, Plain]]:
        """Post `body` once; returns the status and the JSON object of the answer.

        The object has `retry_after_s` where the answer named seconds in Retry-After, and is otherwise
        empty where the answer was no JSON object. Raises UnavailableError where nothing answered.
        """
        try:
            async with self._client.stream(
                "POST", path, content=body, headers={"Content-Type": content_type}
            ) as answer:
                raw = await _limited(answer)
        except httpx.RequestError as error:
            why = str(error) or type(error).__name__
            raise UnavailableError(f"the core at `{self._url}` did not answer: {why}") from None
        found = _object(raw)
        if (seconds := answer.headers.get("Retry-After", "")).isdecimal():
            found["retry_after_s"] = min(int(seconds[:9]), 3_600)
        return answer.status_code, found

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def _limited(answer: httpx.Response) -> bytes:
    raw = bytearray()
    async for chunk in answer.aiter_bytes():
        raw += chunk
        if len(raw) > _MOST:
            raise UnavailableError(f"an answer of more than {_MOST} bytes came: not from a core")
    return bytes(raw)


def _object(raw: bytes) -> dict[str, Plain]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _trusting_nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def expect_safe(url: str, token: str) -> str:
    """The scheme; UsageError for what is no address, or where a token would leave this machine unencrypted."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"`{url}` is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise UsageError(f"`{url}`: expected http://host:port or https://host:port")
    if token and parts.scheme == "http" and not _is_loopback(parts.host):
        raise UsageError(f"`{url}`: a token leaves this machine over https only")
    return parts.scheme


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
