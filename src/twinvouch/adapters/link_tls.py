"""TLS of the core's links: contexts from files, and who is revoked, read again whenever the CRL file changes.

TLS 1.3, and 1.2 only where asked for. A CRL counts when the authority signed it and its number is not below the last
one's; one that does not is said and the last one stays, because a half-copied file must neither open nor close the plant.
"""

import math
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from twinvouch.adapters.plant_authority import crl_number, named_in
from twinvouch.core.errors import ConfigError

_NO_CRL = (  # what a damaged one raises, by where the damage is
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    UnsupportedAlgorithm,
)


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """PEM files of the core; `crl` may be missing, then nothing is ever revoked."""

    cert: Path
    key: Path
    client_ca: Path
    crl: Path | None = None


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """PEM files of an edge or actuator: the authority of the core, and its own certificate."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None


def server_context(
    files: ServerFiles, oldest: str = "1.3", *, require: bool = True
) -> ssl.SSLContext:
    """TLS of the core; without `require` a client may come without a certificate. ConfigError for bad files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _common(context, oldest, files.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED if require else ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    _own(context, files.cert, files.key)
    return context


def client_context(files: ClientFiles, oldest: str = "1.3") -> ssl.SSLContext:
    """TLS to the core: trusts only `files.ca` and checks the core's name. ConfigError for bad files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _common(context, oldest, files.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if (files.cert is None) != (files.key is None):
        raise ConfigError("tls: expected both `cert` and `key`, or neither")
    if files.cert is not None and files.key is not None:
        _own(context, files.cert, files.key)
    return context


def peer_of(der: bytes, plant: str) -> tuple[str, int]:
    """Principal and serial of a client certificate that TLS has verified; no principal where it is of another plant."""
    certificate = x509.load_der_x509_certificate(der)
    of, principal = named_in(certificate)
    return (principal if of == plant else ""), certificate.serial_number


def own_name(cert: Path) -> tuple[str, str]:
    """Plant and principal that a certificate file (PEM) names; ConfigError where it is none."""
    try:
        return named_in(x509.load_pem_x509_certificate(cert.read_bytes()))
    except OSError as error:
        raise ConfigError(f"tls file `{cert}` cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"tls file `{cert}` is no PEM certificate") from None


def ends_s(path: Path) -> float:
    """When what is in a PEM file ends, in s since 1970: the first of its certificates, or a CRL (nextUpdate).

    Infinity for a CRL that names no end; ConfigError where the file cannot be read or is neither.
    """
    try:
        raw = path.read_bytes()
        if b"-----BEGIN X509 CRL-----" in raw:
            return _crl_ends_s(x509.load_pem_x509_crl(raw))
        return min(c.not_valid_after_utc.timestamp() for c in x509.load_pem_x509_certificates(raw))
    except OSError as error:
        raise ConfigError(f"tls file `{path}` cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"tls file `{path}` is no PEM certificate and no PEM CRL") from None


def _crl_ends_s(crl: x509.CertificateRevocationList) -> float:
    until = crl.next_update_utc
    return until.timestamp() if until is not None else math.inf


class Revoked:
    """The serials that the CRL in a file names; `look` reads it again where it changed."""

    def __init__(self, crl: Path | None, authority: Path) -> None:
        self._path = crl
        self._authority = authority
        self._seen: tuple[int, int, int] | None = None
        self._number = 0
        self.serials: frozenset[int] = frozenset()
        self.until_s = math.inf  # nextUpdate, s since 1970; a list past it still counts
        if crl is not None:
            self._seen = _stamp(crl)
            self._number, self.serials, self.until_s = self._read(crl)

    def look(self) -> str:
        """Read the file where it is another one than last time; what is wrong with it, or nothing.

        Told once a change. What a wrong file says does not count, and the last right one stays.
        """
        if self._path is None or (stamp := _stamp(self._path)) == self._seen:
            return ""
        self._seen = stamp
        try:
            number, serials, until_s = self._read(self._path)
        except ConfigError as error:
            return f"{error}; the last one stays in force"
        if number < self._number:
            return f"crl `{self._path}` has number {number}, older than {self._number}: the last one stays in force"
        self._number, self.serials, self.until_s = number, serials, until_s
        return ""

    def _read(self, path: Path) -> tuple[int, frozenset[int], float]:
        try:
            crl = x509.load_pem_x509_crl(path.read_bytes())
            authority = x509.load_pem_x509_certificate(self._authority.read_bytes())
            key = authority.public_key()
            # most of it is parsed only here, where it is looked at
            is_ours = crl.issuer == authority.subject and crl.is_signature_valid(key)  # type: ignore[arg-type]
            number, serials = crl_number(crl), frozenset(one.serial_number for one in crl)
            ends_s = _crl_ends_s(crl)
        except OSError as error:
            raise ConfigError(f"crl `{path}` cannot be read: {error.strerror}") from None
        except _NO_CRL:
            raise ConfigError(f"crl `{path}` is no PEM certificate revocation list") from None
        if not is_ours:
            raise ConfigError(f"crl `{path}` is not signed by `{self._authority}`")
        return number, serials, ends_s


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _common(context: ssl.SSLContext, oldest: str, ca: Path) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if oldest == "1.2" else ssl.TLSVersion.TLSv1_3
    _load(ca, lambda: context.load_verify_locations(ca))


def _own(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    _load(key, lambda: _refuse_readable(key))
    # an empty password: an encrypted key is refused, and nobody is asked on a terminal
    _load(cert, lambda: context.load_cert_chain(cert, key, password=""))


def _load(path: Path, action: Callable[[], None]) -> None:
    try:
        action()
    except ssl.SSLError as error:
        raise ConfigError(f"tls file `{path}` cannot be used: {error.reason or error}") from None
    except OSError as error:
        raise ConfigError(f"tls file `{path}` cannot be read: {error.strerror}") from None


def _refuse_readable(key: Path) -> None:
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"tls key `{key}` has mode {mode:04o}, expected 0600: others can read it; "
            f"`chmod 600 {key}` if nobody else had access"
        )
