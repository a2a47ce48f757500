"""The core's API as the lab uses it: a port, and its HTTP form."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from twinvouch.core.errors import NotPermittedError, UnavailableError

Answer = tuple[int, Mapping[str, Any]]
_TIMEOUT_S = 10.0


class Api(Protocol):
    """Reads with the token of one principal; posts carry their own signature."""

    async def get(self, path: str, **params: str | int) -> Any:
        """The data below `/api/v1`; UnavailableError where nothing answers, NotPermittedError if denied."""
        ...

    async def post(self, path: str, body: bytes) -> Answer:
        """Send a sealed thing; the status and what was said."""
        ...


class HttpApi:
    """The API over loopback HTTP."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    async def get(self, path: str, **params: str | int) -> Any:
        """As Api.get."""
        answer = await self._call("GET", path, params=params)
        if answer.status_code in {401, 403}:
            raise NotPermittedError(f"GET {path}: {answer.text[:200]}")
        if not answer.is_success:
            raise UnavailableError(f"GET {path}: {answer.status_code} {answer.text[:200]}")
        return answer.json()

    async def post(self, path: str, body: bytes) -> Answer:
        """As Api.post."""
        kind = {"Content-Type": "application/cose"}
        answer = await self._call("POST", path, content=body, headers=kind)
        try:
            said = answer.json()
        except json.JSONDecodeError:
            said = {}
        return answer.status_code, said if isinstance(said, Mapping) else {}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **more)
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise UnavailableError(f"{method} {path}: {why}") from None
