"""Throw-away certificates for the virtual plant: an authority, a server, clients with and without role.

The role is the X.509 extension of Modbus/TCP Security (MB-TCP-Security v21, 2018: OID
1.3.6.1.4.1.50316.802.1, a UTF8String). Keys are made anew each time, last a day and are worth nothing.
"""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.modbus_roles import NO_ROLE, ROLE_OID, role_in

ROLE = x509.ObjectIdentifier(ROLE_OID)
WRITE = "write"
OPERATOR = "operator"
UNREADABLE = "\0unreadable"  # no role can be called so, and nothing is granted to it
_LIFE = timedelta(days=1)
_AUTHORITY, _SERVER = "authority", "plant"


def make(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Write `authority.crt`, `plant.crt|key`, and clients: `actuator` (role write), `operator`, `visitor` (no role).

    Gives the authority and its key, which is kept nowhere.
    """
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(_AUTHORITY)
    authority = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    _write(directory / f"{_AUTHORITY}.crt", authority.public_bytes(Encoding.PEM))
    clients = (("actuator", WRITE), (OPERATOR, OPERATOR), ("visitor", NO_ROLE))
    for who, role in ((_SERVER, NO_ROLE), *clients):
        issue(directory, who, utf8_string(role) if role else b"", authority, key)
    return authority, key


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS of the plant: nobody gets in without a certificate of our authority."""
    context = _context(ssl.Purpose.CLIENT_AUTH, directory)
    _load(context, directory, _SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(directory: Path, who: str = "") -> ssl.SSLContext:
    """TLS of a client; with no name it has no certificate."""
    context = _context(ssl.Purpose.SERVER_AUTH, directory)
    if who:
        _load(context, directory, who)
    return context


def role_of(certificate: bytes) -> tuple[str, str]:
    """The common name and the role in a DER certificate that TLS has already verified; UNREADABLE: not one role."""
    parsed = x509.load_der_x509_certificate(certificate)
    names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if names else ""
    try:
        extensions = list(parsed.extensions)
        return name, role_in([e.value.public_bytes() for e in extensions if e.oid == ROLE])
    except (MalformedError, x509.DuplicateExtension, ValueError):
        return name, UNREADABLE


def utf8_string(text: str) -> bytes:
    """A short text as DER."""
    raw = text.encode()
    assert len(raw) < 0x80, text
    return bytes((0x0C, len(raw))) + raw


def issue(
    directory: Path,
    who: str,
    role: bytes,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> None:
    """Write a certificate and key for `who`; `role` are the bytes of the extension, none where empty."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if who == _SERVER else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(_name(who), authority.subject, key).add_extension(
        x509.ExtendedKeyUsage([usage]), critical=False
    )
    if who == _SERVER:
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        )
        builder = builder.add_extension(names, critical=False)
    if role:
        value = x509.UnrecognizedExtension(ROLE, role)
        builder = builder.add_extension(value, critical=False)
    certificate = builder.sign(authority_key, SHA256())
    _write(directory / f"{who}.crt", certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(directory / f"{who}.key", private)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _context(purpose: ssl.Purpose, directory: Path) -> ssl.SSLContext:
    authority = directory / f"{_AUTHORITY}.crt"
    try:
        return ssl.create_default_context(purpose, cafile=authority)
    except OSError as error:
        raise UsageError(
            f"authority `{authority}` cannot be used: {error}; make one with `twinvouch lab certificates DIRECTORY`"
        ) from None


def _load(context: ssl.SSLContext, directory: Path, who: str) -> None:
    certificate, key = directory / f"{who}.crt", directory / f"{who}.key"
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise UsageError(
            f"certificate `{certificate}` or its key cannot be used: {error}"
        ) from None


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
