"""Name and Modbus role in a client's certificate, which TLS has verified already."""

from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from twinvouch.core.errors import MalformedError
from twinvouch.wire.modbus_roles import ROLE_OID, role_in

UNREADABLE: Final = "\0unreadable"  # no configuration can name it: printable roles only
_ROLE = x509.ObjectIdentifier(ROLE_OID)


def name_and_role(der: bytes) -> tuple[str, str]:
    """The common name, and the role; UNREADABLE where it has not exactly one readable role."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        name = str(names[0].value) if names else ""
        extensions = list(parsed.extensions)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion):
        return "", UNREADABLE
    try:
        return name, role_in([e.value.public_bytes() for e in extensions if e.oid == _ROLE])
    except MalformedError:
        return name, UNREADABLE
