"""Who a Modbus client is by its certificate, which TLS has verified already: name, role and serial number."""

from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus_roles import ROLE_OID, role_in

UNREADABLE: Final = "\0unreadable"  # no configuration can name it: printable roles only
_ROLE = x509.ObjectIdentifier(ROLE_OID)


class Peer(NamedTuple):
    """Common name, role (UNREADABLE where the certificate has not exactly one readable role), serial number."""

    name: str
    role: str
    serial: int


NOBODY: Final = Peer("", "", -1)  # a client without a certificate


def peer_of(der: bytes) -> Peer:
    """The client of a DER certificate."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        name = str(names[0].value) if names else ""
        serial, extensions = parsed.serial_number, list(parsed.extensions)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion):
        return Peer("", UNREADABLE, -1)
    try:
        role = role_in([e.value.public_bytes() for e in extensions if e.oid == _ROLE])
    except MalformedError:
        role = UNREADABLE
    return Peer(name, role, serial)
