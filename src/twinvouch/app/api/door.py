"""The door: quotas before a request is read, and what no enrolled key has signed is turned away.

The engine remains the judge of what it gets; this only keeps from it, from the log and from the ledger what nobody known
has sent (ADR 10). A request over its quota is answered before any route is reached.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinvouch.app.api.problems import StrangerError, problem
from twinvouch.app.api.quotas import Quotas, sender_of
from twinvouch.app.api.strangers import Strangers
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import Plant, key_id
from twinvouch.core.keyring import Keyring
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import KEY_ID_END, check, claimed_key_id, unseal
from twinvouch.wire.keys import open_said

LINK: Final = "twinvouch_link"  # key of scope["state"], see links.py
MAX_BODY: Final = 16 * 1024 * 1024
REVOKED_S: Final = 60.0
LATE: Final = "twinvouch_late"  # key of scope["state"]: the body was cut off
BODY_S: Final = 30.0  # for a whole body
TOO_SLOW: Final = f"the body did not come within {BODY_S:g} s"
INLINE: Final = 64 * 1024  # larger bodies are verified on a thread of their own


class Door:
    """What stands between the network and the routes: quotas, strangers, and their counts."""

    def __init__(
        self,
        plant: Plant,
        quotas: Quotas,
        *,
        is_mutual: bool = False,
        ring: Keyring | None = None,
        signers: Callable[[], Mapping[str, bytes]] = dict,
    ) -> None:
        self._plant = plant
        self._quotas = quotas
        self._ring = ring  # the engine's: only looked into here
        self._named: dict[bytes, float] = {}  # revoked keys -> when one of their posts went on last
        self._signers = signers  # of the last signed configuration, who may have left twin.yaml
        self._is_mutual = is_mutual
        self.strangers = Strangers()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The app behind the quotas."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            wait_s, receive = await self._admit(scope, _in_time(scope, receive))
            if wait_s:
                await self._too_many(wait_s, scope, receive, send)
            else:
                await app(scope, receive, send)

        return guarded

    def machine(self, scope: Scope) -> str:
        """The principal of the client certificate; StrangerError, counted, where mutual TLS is on and none came."""
        link = link_of(scope)
        if self._is_mutual and not link:
            self.refused("no_certificate", peer_of(scope))
            why = f"edges and the actuator show a certificate of plant `{self._plant.id}`"
            raise StrangerError("no_certificate", why)
        return link

    async def known(self, raw: bytes, purpose: str, scope: Scope) -> bytes:
        """The public key that signed `raw` for `purpose`; StrangerError, counted, where no enrolled one did."""
        try:
            key = (
                self._signer(raw, purpose)
                if len(raw) <= INLINE
                else await asyncio.to_thread(self._signer, raw, purpose)
            )
        except StrangerError as error:
            # the key of a model's manifest is not at the start of its body, where `_admit` looks
            claimed = None if purpose == Purpose.MODEL else self._claimed(raw)
            raise self.stranger(error.rule, str(error), scope, claimed) from None
        self._quotas.proved(_sender(scope))
        return key

    def rooted(self, raw: bytes, scope: Scope) -> None:
        """StrangerError, counted, where no root of the key ring has signed `raw` (there must be a ring)."""
        assert self._ring is not None
        for root in reversed(self._ring.roots):
            try:
                open_said(raw, self._plant.id, root)
            except (MalformedError, SignatureError):
                continue
            self._quotas.proved(_sender(scope))
            return
        raise self.stranger(
            "bad_signature", f"no root of plant `{self._plant.id}` has signed this", scope
        )

    def stranger(
        self, rule: str, why: str, scope: Scope, claimed: bytes | None = None
    ) -> StrangerError:
        """What to raise for a post that no enrolled key has signed: counted, and held against its sender."""
        self._quotas.failed(_sender(scope), claimed, time.monotonic())
        self.refused(rule, peer_of(scope))
        return StrangerError(rule, why)

    def refused(self, rule: str, peer: str) -> None:
        """Count one failure before authentication."""
        self.strangers.count(rule, peer, time.time_ns())

    def _signer(self, raw: bytes, purpose: str) -> bytes:
        try:
            sealed = unseal(raw)
        except MalformedError as error:
            raise StrangerError("malformed", f"not a sealed thing: {error}") from None
        key = self._key(sealed.key_id)
        if key is None:
            name = sealed.key_id.hex()
            raise StrangerError(
                "unknown_key", f"key {name} belongs to no principal of plant `{self._plant.id}`"
            )
        try:
            check(sealed, key, plant=self._plant.id, purpose=purpose)
        except SignatureError as error:
            raise StrangerError("bad_signature", str(error)) from None
        if self._is_flood(sealed.key_id):
            name = sealed.key_id.hex()
            raise StrangerError(
                "revoked_key", f"key {name} is revoked, and was told to be just now"
            )
        return key

    def _is_flood(self, kid: bytes) -> bool:
        """Whether this is more of a revoked key: its first post of a minute goes on, for the engine to name it."""
        known = self._ring.keys.get(kid) if self._ring is not None else None
        if known is None or known.revoked is None:
            return False
        now_s = time.monotonic()
        if now_s < self._named.get(kid, -REVOKED_S) + REVOKED_S:
            return True
        self._named[kid] = now_s
        return False

    def _key(self, kid: bytes) -> bytes | None:
        """The enrolled public key of an id; whether it counts any more is for the engine to say."""
        if self._ring is not None:
            return self._ring.public_key(kid)
        principal = self._plant.by_key_id.get(kid)
        if principal is not None:
            return principal.key
        return next((key for key in self._signers().values() if key and key_id(key) == kid), None)

    def _claimed(self, start: bytes) -> bytes | None:
        """The key id that sealed bytes claim, where it is one of ours; unverified."""
        kid = claimed_key_id(start)
        return kid if self._key(kid) is not None else None

    async def _admit(self, scope: Scope, receive: Receive) -> tuple[float, Receive]:
        """Seconds to wait (0: come in), and the request's messages with what was peeked at put back."""
        peer, now_s = _sender(scope), time.monotonic()
        octets = _declared(scope)
        wait_s = self._quotas.by_peer(peer, octets, now_s)
        if wait_s or scope["method"] != "POST" or not _is_sealed(scope):
            return wait_s, receive
        start, peeked = await _peek(receive)
        return self._quotas.by_key(peer, self._claimed(start), octets, now_s), peeked

    async def _too_many(self, wait_s: float, scope: Scope, receive: Receive, send: Send) -> None:
        self.refused("quota", peer_of(scope))
        after = str(max(1, math.ceil(wait_s)))
        said = problem(429, f"over the quota: try again in {after} s", {"Retry-After": after})
        await said(scope, receive, send)


def peer_of(scope: MutableMapping[str, Any]) -> str:
    """The network address of the other end."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def link_of(scope: MutableMapping[str, Any]) -> str:
    """The principal of the client certificate at the other end; empty where there is none."""
    link: str = scope.get("state", {}).get(LINK, "")
    return link


def _sender(scope: MutableMapping[str, Any]) -> str:
    """Whose buckets a request uses: those of the certificate, else those of the address."""
    link = link_of(scope)
    return f"certificate {link}" if link else sender_of(peer_of(scope))


def _declared(scope: Scope) -> int:
    """The bytes a request says it has; one that does not say is charged the most it may have."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    if length.isdecimal():
        return min(int(length[:18]), MAX_BODY)
    return MAX_BODY if "transfer-encoding" in headers else 0


def _is_sealed(scope: Scope) -> bool:
    """True for posts that a signature vouches for, whatever they call themselves; a proposal in JSON has a token instead."""
    kind = Headers(scope=scope).get("content-type", "")
    is_plain = scope["path"].endswith(("/commands", "/commands/simulate"))
    return not is_plain or kind.startswith("application/cose")


def _in_time(scope: Scope, receive: Receive) -> Receive:
    """A `receive` that ends a body that takes too long, and says so in the scope: who dribbles held a connection for ever."""
    ends_s = time.monotonic() + BODY_S
    is_whole = False

    async def timed() -> Message:
        nonlocal is_whole
        if is_whole:  # from here on it waits for the end of the connection, which may be long
            return await receive()
        try:
            async with asyncio.timeout(max(0.0, ends_s - time.monotonic())):
                message = await receive()
        except TimeoutError:
            scope.setdefault("state", {})[LATE] = True
            message = {"type": "http.request", "body": b"", "more_body": False}
        is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return timed


async def _peek(receive: Receive) -> tuple[bytes, Receive]:
    """The first bytes of the body, up to the key id, and a `receive` that gives them again."""
    messages: list[Message] = []
    start = b""
    while len(start) < KEY_ID_END:
        message = await receive()
        messages.append(message)
        start += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return start, again
