"""How the command line speaks to a running core: its address from the configuration, a token, one call."""

import os
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

import httpx

from twinvouch.adapters.known_secrets import remember
from twinvouch.app.config_model import Config
from twinvouch.core.errors import NotPermittedError, TwinvouchError, UnavailableError, UsageError

TIMEOUT_S = 10.0
POLICY_RULES = frozenset({"capability", "model_role"})  # by these the policy says no
TOKEN_VARIABLE = "TWINVOUCH_TOKEN"  # noqa: S105 - the name of a variable, not a token

CERTIFICATE_VARIABLES = ("TWINVOUCH_TLS_CERT", "TWINVOUCH_TLS_KEY")


class RefusedError(TwinvouchError):
    """The core said no."""

    exit_code = 1


def token_of(config: Config, principal: str | None) -> str:
    """The token of `principal` from the keys directory, or of the environment where none is named."""
    if principal is None:
        return remember(os.environ.get(TOKEN_VARIABLE, ""))
    path = config.keys_dir / f"{principal}.token"
    try:
        return remember(path.read_text("ascii").strip())
    except OSError as error:
        raise UsageError(
            f"token `{path}`: {error.strerror}; make one with `twinvouch principals add {principal} "
            f"--kind {_kind(config, principal)} --token --config {config.path}`, restart the core"
        ) from None


def _kind(config: Config, principal: str) -> str:
    return next((p.kind.value for p in config.principals if p.id == principal), "KIND")


class Client:
    """Calls the API of the core that a configuration describes."""

    def __init__(self, config: Config, token: str = "", timeout_s: float = TIMEOUT_S) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=f"{address_of(config)}/api/v1",
            headers=headers,
            timeout=timeout_s,
            trust_env=False,
            verify=tls_of(config) or True,
        )

    def get(self, path: str, **params: str | int) -> Any:
        """The JSON answer of a read."""
        return self._call("GET", path, params=params)

    def fetch(self, path: str, **params: str | int) -> bytes:
        """The bytes of a read that is no JSON."""
        answer: httpx.Response = self._answer("GET", path, params=params)
        if not answer.is_success:
            self._refuse("GET", answer, _json(answer))
        return answer.content

    def post(
        self, path: str, body: bytes, kind: str = "application/cose", **params: str | None
    ) -> Any:
        """The JSON answer of a sealed body; `once` is sent as Idempotency-Key, other parameters with the address."""
        once = params.pop("once", None)
        headers = {"Content-Type": kind} | ({} if once is None else {"Idempotency-Key": once})
        return self._call("POST", path, content=body, headers=headers, params=params)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._answer(method, path, **more)
        body = _json(answer)
        if not answer.is_success:
            self._refuse(method, answer, body)
        return body

    def _answer(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise UnavailableError(
                f"no answer from {self._http.base_url}: {error}; is `twinvouch run` running?"
            ) from None

    def _refuse(self, method: str, answer: httpx.Response, body: Any) -> NoReturn:
        """Raise what an answer that is no success means."""
        said = body.get("detail") if isinstance(body, Mapping) else None
        said = f"{answer.status_code}: {said or answer.text[:200]}"
        if answer.status_code == HTTPStatus.UNAUTHORIZED and method == "GET":
            raise NotPermittedError(f"{said} (use --as PRINCIPAL or {TOKEN_VARIABLE})")
        if answer.status_code == HTTPStatus.UNAUTHORIZED or (
            answer.status_code == HTTPStatus.FORBIDDEN and method == "GET"
        ):
            raise NotPermittedError(said)
        if isinstance(body, Mapping) and body.get("rule") in POLICY_RULES:
            raise NotPermittedError(said)
        if answer.status_code in {429, 503}:
            raise UnavailableError(said)
        raise RefusedError(said)


def address_of(config: Config) -> str:
    """The URL of the core of this configuration, as a program on its machine reaches it."""
    scheme = "http" if config.api.tls is None else "https"
    host = "localhost" if config.api.host in {"0.0.0.0", "::"} else config.api.host  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{config.api.port}"


def tls_of(config: Config) -> ssl.SSLContext | None:
    """Our side of TLS: trusts the plant's authority, shows the certificate that the environment names, if any."""
    if config.api.tls is None:
        return None
    from twinvouch.adapters.link_tls import ClientFiles, client_context

    own = [Path(p) if (p := os.environ.get(name)) else None for name in CERTIFICATE_VARIABLES]
    ca = config.path.parent / config.api.tls.client_ca
    return client_context(ClientFiles(ca, *own), config.api.tls.oldest)


def load(path: Path) -> Config:
    """The configuration whose core is meant."""
    from twinvouch.app import config

    return config.load(path)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}
