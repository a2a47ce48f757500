"""The core's and its callers' side of mutual TLS, from their settings."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from twinvouch.adapters.link_tls import (
    ClientFiles,
    Revoked,
    ServerFiles,
    client_context,
    ends_s,
    own_name,
    server_context,
)
from twinvouch.app.config_model import ApiTls
from twinvouch.app.config_types import TlsFiles
from twinvouch.core.errors import ConfigError

Ends: TypeAlias = Mapping[str, float]  # what -> when it ends, s since 1970
ServerTls: TypeAlias = tuple[ssl.SSLContext, Revoked, Ends]


def link_tls(
    settings: TlsFiles | None, directory: Path, own: tuple[str, str]
) -> ssl.SSLContext | None:
    """Our side of the link to the core; ConfigError where our certificate is not for `own` (plant, principal)."""
    if settings is None:
        return None
    cert = directory / settings.cert if settings.cert is not None else None
    key = directory / settings.key if settings.key is not None else None
    context = client_context(ClientFiles(directory / settings.ca, cert, key))
    if cert is not None and (named := own_name(cert)) != own:
        raise ConfigError(
            f"tls certificate `{cert}` is for `{'/'.join(named)}`, expected `{'/'.join(own)}`: "
            f"`twinvouch certs issue {own[1]}` makes one"
        )
    return context


def ends_of(settings: TlsFiles | None, directory: Path) -> Ends:
    """When our certificate and the authority of the link end; nothing where the link is plain."""
    if settings is None:
        return {}
    files = {"own": settings.cert, "authority": settings.ca}
    return {what: ends_s(directory / name) for what, name in files.items() if name is not None}


def server_tls(settings: ApiTls, directory: Path) -> ServerTls:
    """The core's side, who is revoked, and when the two certificates end; ConfigError where a file is no good."""
    crl = directory / settings.crl if settings.crl is not None else None
    authority = directory / settings.client_ca
    files = ServerFiles(directory / settings.cert, directory / settings.key, authority, crl)
    context = server_context(files, settings.oldest, require=settings.require == "all")
    ends = {"own": ends_s(files.cert), "authority": ends_s(authority)}
    return context, Revoked(crl, authority), ends
