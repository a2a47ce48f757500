"""Mutual TLS as the API sees it: which principal is at the other end of a connection, and the end of revoked ones.

uvicorn does not hand the client's certificate on. Its protocol class may be given, though, and each connection has the
`state` that becomes `scope["state"]`: a subclass reads the certificate once a connection and puts the principal there.
"""

import asyncio
import logging
import math
import ssl
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from twinvouch.adapters.link_tls import Revoked, peer_of
from twinvouch.app.api.door import LINK
from twinvouch.app.link_tls import Ends

_log = logging.getLogger("twinvouch.links")
Refused = Callable[[str, str], None]


class Links:
    """The open connections of certificates; `refused(rule, peer)` counts what did not come in."""

    def __init__(
        self, plant: str, revoked: Revoked, refused: Refused, ends: Ends = MappingProxyType({})
    ) -> None:
        self._plant = plant
        self._ends = ends
        self._revoked = revoked
        self._refused = refused
        self._open: dict[Any, int] = {}

    def look(self) -> None:
        """Take over a changed CRL, and close every connection whose certificate is revoked by now."""
        wrong = self._revoked.look()
        if wrong:
            _log.error("%s", wrong)
        for transport, serial in list(self._open.items()):
            if serial in self._revoked.serials:
                _log.warning("certificate %x is revoked: its connection is closed", serial)
                transport.abort()

    def ends(self) -> Ends:
        """When our certificate, the authority's and the CRL in force end, s since 1970; none for what never does."""
        all_ = {**self._ends, "crl": self._revoked.until_s}
        return {what: at_s for what, at_s in all_.items() if at_s < math.inf}

    def opened(self, transport: asyncio.Transport) -> str | None:
        """The principal of a new connection (empty: no certificate); None where it must not stay open."""
        made: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        der = made.getpeercert(binary_form=True) if made is not None else None
        if der is None:
            return ""
        principal, serial = peer_of(der, self._plant)
        if serial in self._revoked.serials or not principal:
            client = transport.get_extra_info("peername")
            self._refused("tls", str(client[0]) if client else "unknown")
            return None
        self._open[transport] = serial
        return principal

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self._open.pop(transport, None)

    def watched(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The context, with handshakes that fail counted; who it was is not known at this place."""
        links = self

        class Watched(ssl.SSLObject):
            def do_handshake(self) -> None:
                try:
                    super().do_handshake()
                except ssl.SSLWantReadError:
                    raise
                except ssl.SSLError:
                    links._refused("tls", "unknown")
                    raise

        context.sslobject_class = Watched
        return context

    def protocol(self) -> type[asyncio.Protocol]:
        """Uvicorn's HTTP protocol that knows who is at the other end."""
        links = self

        class Linked(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
            app_state: dict[str, Any]

            def connection_made(self, transport: asyncio.Transport) -> None:
                principal = links.opened(transport)
                super().connection_made(transport)
                if principal is None:
                    transport.abort()
                else:
                    self.app_state = {**self.app_state, LINK: principal}

            def connection_lost(self, exc: Exception | None) -> None:
                links.closed(self.transport)
                super().connection_lost(exc)

        return Linked
