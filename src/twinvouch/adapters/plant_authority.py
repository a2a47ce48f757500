"""The plant's certificate authority: one directory that is kept offline, P-256 keys, certificates bound to principals.

A certificate names one plant and one principal in a URI of its subjectAltName (RFC 5280): `twinvouch://PLANT/PRINCIPAL`.
The directory holds `authority.crt`, `authority.key` (0600), `authority.crl`, and every certificate that was issued
under `issued/`; the CRL is the only record of what was revoked.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twinvouch.adapters.lock_file import sync_directory
from twinvouch.core.errors import ConfigError, UsageError

SCHEME: Final = "twinvouch://"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
AUTHORITY_DAYS: Final = 3_650
DAYS: Final = 365
_BACK = timedelta(minutes=5)  # clocks of a plant differ a little


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate: what it is for, and whether it still holds."""

    serial: int
    principal: str
    is_server: bool
    until: datetime
    revoked: datetime | None


def uri(plant: str, principal: str) -> str:
    """How a certificate names its principal."""
    return f"{SCHEME}{plant}/{principal}"


def named_in(certificate: x509.Certificate) -> tuple[str, str]:
    """Plant and principal of a certificate; empty where it does not name exactly one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "", ""
    ours = [
        u for u in names.get_values_for_type(x509.UniformResourceIdentifier) if u.startswith(SCHEME)
    ]
    if len(ours) != 1:
        return "", ""
    plant, slash, principal = ours[0].removeprefix(SCHEME).partition("/")
    return (
        (plant, principal) if slash and plant and principal and "/" not in principal else ("", "")
    )


def make(directory: Path, plant: str, now: datetime) -> None:
    """A new authority in a directory of its own; never overwrites one."""
    _expect_id(plant)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{plant} authority")])
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(name, name, key.public_key(), (now, AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"{SCHEME}{plant}/")]),
            critical=False,
        )
        .sign(key, SHA256())
    )
    write_new(directory / "authority.key", _pem(key), 0o600)
    write_new(directory / "authority.crt", certificate.public_bytes(Encoding.PEM), 0o644)
    Authority(directory).publish([], now)


class Authority:
    """The authority in `directory`; ConfigError where it is not one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            self.certificate = x509.load_pem_x509_certificate(
                (directory / "authority.crt").read_bytes()
            )
            key = load_pem_private_key((directory / "authority.key").read_bytes(), None)
        except OSError as error:
            raise ConfigError(
                f"authority `{directory}`: {error.filename}: {error.strerror}; make one with "
                "`twinvouch certs init`"
            ) from None
        except (ValueError, TypeError) as error:
            raise ConfigError(f"authority `{directory}` cannot be read: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"authority `{directory}`: expected a P-256 key")
        self._key = key
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.plant = (
            str(names.value.get_values_for_type(x509.UniformResourceIdentifier)[0])
            .removeprefix(SCHEME)
            .rstrip("/")
        )

    def issue(
        self, principal: str, hosts: Sequence[str], days: int, now: datetime
    ) -> tuple[bytes, bytes]:
        """Certificate and private key (PEM) of a principal: of a server where it has `hosts`, else of a client."""
        _expect_id(principal)
        until = self.certificate.not_valid_after_utc
        if now + timedelta(days=days) > until:
            raise UsageError(
                f"{days} days go beyond the authority itself, which ends {until:%Y-%m-%d}"
            )
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri(self.plant, principal))]
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, principal)])
        certificate = (
            _builder(subject, self.certificate.subject, key.public_key(), (now, days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([*names, *(_host(h) for h in hosts)]), critical=False
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, SHA256())
        )
        issued = self._directory / "issued"
        issued.mkdir(mode=0o700, exist_ok=True)
        pem = certificate.public_bytes(Encoding.PEM)
        write_new(issued / f"{certificate.serial_number:x}.crt", pem, 0o644)
        return pem, _pem(key)

    def issued(self) -> list[Issued]:
        """Everything that was issued, by principal and end."""
        revoked = {r.serial_number: r.revocation_date_utc for r in self._crl()}
        found = []
        for path in sorted((self._directory / "issued").glob("*.crt")):
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            serial = certificate.serial_number
            found.append(
                Issued(
                    serial,
                    named_in(certificate)[1],
                    ExtendedKeyUsageOID.SERVER_AUTH in usage,
                    certificate.not_valid_after_utc,
                    revoked.get(serial),
                )
            )
        return sorted(found, key=lambda i: (i.principal, i.until))

    def revoke(self, which: str, now: datetime) -> list[int]:
        """Revoke a serial (hexadecimal) or all certificates of a principal; the serials, and a new CRL."""
        fitting = [
            i for i in self.issued() if i.principal == which or f"{i.serial:x}" == which.lower()
        ]
        if not fitting:
            raise UsageError(
                f"no certificate of `{which}` was issued here: `twinvouch certs list` names them"
            )
        new = [i.serial for i in fitting if i.revoked is None]
        self.publish([*self._crl(), *(_revoked(serial, now) for serial in new)], now)
        return new

    def publish(self, revoked: Sequence[x509.RevokedCertificate], now: datetime) -> None:
        """Write the CRL anew, under the next number."""
        number = self._number() + 1
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACK)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(one)
        path = self._directory / "authority.crl"
        beside = path.with_suffix(".crl.new")
        with beside.open("wb") as file:  # lost, it would be forgotten who is revoked
            file.write(builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_directory(self._directory)

    def _crl(self) -> list[x509.RevokedCertificate]:
        path = self._directory / "authority.crl"
        return list(x509.load_pem_x509_crl(path.read_bytes())) if path.exists() else []

    def _number(self) -> int:
        path = self._directory / "authority.crl"
        return crl_number(x509.load_pem_x509_crl(path.read_bytes())) if path.exists() else 0


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """The number of a CRL (RFC 5280, 5.2.3); 0 where it has none."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet, durably; UsageError where it is."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, mode)
    except FileExistsError:
        raise UsageError(f"`{path}` exists: it is never overwritten; move it away first") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def _expect_id(name: str) -> None:
    if not _ID.fullmatch(name):
        raise UsageError(
            f"`{name}` is no id: expected letters, digits, `_`, `-`, at most 64, first a letter or digit"
        )


def now_utc() -> datetime:
    """The wall clock, to the second, as certificates have it."""
    return datetime.now(UTC).replace(microsecond=0)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    life: tuple[datetime, int],
) -> x509.CertificateBuilder:
    now, days = life
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _revoked(serial: int, now: datetime) -> x509.RevokedCertificate:
    return x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
