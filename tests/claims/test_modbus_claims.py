"""C24: what a client's role does not allow is not done, over real TLS and with every function that writes."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from twinvouch.adapters.modbus_tcp import ModbusDevice, ModbusExceptionError, TlsFiles
from twinvouch.core.errors import UnavailableError
from twinvouch.lab import certificates
from twinvouch.lab.certificates import ROLE, utf8_string
from twinvouch.lab.modbus_server import Listener, Memory
from twinvouch.lab.net3 import RUN, SPEED
from twinvouch.lab.waterworks import Waterworks

BAD_ROLES = {
    "none": b"",
    "unknown": utf8_string("admin"),
    "case": utf8_string("Write"),
    "two-in-one": utf8_string("write") + utf8_string("write"),
    "printable-string": b"\x13\x05write",
    "wrapped": b"\x30\x07\x0c\x05write",
    "long-form": b"\x0c\x81\x05write",
    "not-utf8": b"\x0c\x05wr\xffte",
    "nul": utf8_string("write\0"),
}


async def _each_way_to_write(device: ModbusDevice) -> list[int]:
    """The exception that each of six ways of writing gets; 0 where it was done."""
    ways = (
        lambda: device.write(1, "coil", 0, (1,)),
        lambda: device.write(1, "coil", 0, (1, 1)),
        lambda: device.write(1, "holding", 0, (700,)),
        lambda: device.write(1, "holding", 0, (700, 700)),
        lambda: device.mask(1, 0, 0, 700),
        lambda: device.exchange(1, (0, (700,)), (0, 1)),
    )
    codes = []
    for way in ways:
        try:
            await way()
            codes.append(0)
        except ModbusExceptionError as error:
            codes.append(error.code)
    return codes


def _codes(directory: Path, who: str) -> tuple[list[int], float, float]:
    """What `who` gets for each way of writing, and how the plant stands afterwards."""

    async def story() -> list[int]:
        listener = Listener(Memory(works, lambda _: None), certificates.server_context(directory))
        await listener.open("127.0.0.1", 0)
        files = TlsFiles(
            directory / "authority.crt", directory / f"{who}.crt", directory / f"{who}.key"
        )
        device = ModbusDevice("localhost", listener.port, tls=files)
        try:
            return await _each_way_to_write(device)
        finally:
            await device.close()
            await listener.close()

    works = Waterworks()
    try:
        codes = asyncio.run(story())
        return codes, works.value(RUN), works.value(SPEED)
    finally:
        works.close()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's certificates, and one for each bad role by the same authority."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, key = certificates.make(folder)
    for who, role in BAD_ROLES.items():
        certificates.issue(folder, who, role, authority, key)
    return folder


@pytest.mark.parametrize("who", BAD_ROLES)
def test_c24_without_exactly_one_known_role_nothing_is_written(directory: Path, who: str) -> None:
    codes, runs, speed = _codes(directory, who)
    assert codes == [1] * 6, "illegal function, as the specification says"
    assert (runs, speed) == (0.0, 1.0)


def test_c24_a_role_writes_only_at_its_addresses(directory: Path) -> None:
    codes, runs, speed = _codes(directory, "operator")
    assert codes == [0, 1, 1, 1, 1, 1]
    assert (runs, speed) == (1.0, 1.0)


def test_c24_the_role_that_may_write_does(directory: Path) -> None:
    codes, runs, speed = _codes(directory, "actuator")
    assert codes == [0, 2, 0, 2, 0, 0], "two items are more than there are"
    assert (runs, speed) == (1.0, pytest.approx(0.7))


def test_c24_two_extensions_with_a_role_are_no_role() -> None:
    """No library makes such a certificate, so one of another number is renamed in its bytes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = certificates._name("mallory")
    other = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.2")
    builder = certificates._builder(name, name, key)
    for oid in (ROLE, other):
        value = x509.UnrecognizedExtension(oid, utf8_string("write"))
        builder = builder.add_extension(value, critical=False)
    from cryptography.hazmat.primitives.serialization import Encoding

    der = builder.sign(key, SHA256()).public_bytes(Encoding.DER)
    assert certificates.role_of(der)[1] == "write"
    twice = der.replace(
        bytes.fromhex("2b0601040183890c862202"), bytes.fromhex("2b0601040183890c862201")
    )
    assert twice != der
    assert certificates.role_of(twice) == ("mallory", certificates.UNREADABLE)


def test_c24_nobody_without_a_certificate_gets_an_answer(directory: Path) -> None:
    async def story() -> None:
        works = Waterworks()
        listener = Listener(Memory(works, lambda _: None), certificates.server_context(directory))
        await listener.open("127.0.0.1", 0)
        device = ModbusDevice("localhost", listener.port, tls=TlsFiles(directory / "authority.crt"))
        with suppress(UnavailableError):
            await device.write(1, "coil", 0, (1,))
            raise AssertionError("answered")
        assert works.value(RUN) == 0
        await device.close()
        await listener.close()
        works.close()

    asyncio.run(story())
