"""Who crowds, dawdles or comes without a right gets an answer or a closed connection, and nobody else notices."""

import asyncio
import resource
import ssl
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.unit.app.proxy_client import RawClient, client
from tests.unit.app.test_proxy import LEVEL, VALVE_ON, play
from twinvouch.adapters import modbus_back, modbus_front
from twinvouch.adapters.modbus_role import UNREADABLE, peer_of
from twinvouch.app.bench.proxy_site import ProxySite, running
from twinvouch.lab import certificates
from twinvouch.lab.certificates import utf8_string
from twinvouch.wire.modbus_stream import write_frame

READ = "03 0014 0001"


def test_500_connections_crowd_nobody_out(tmp_path: Path) -> None:
    """Those who have asked for something stay; of the others the oldest make room."""

    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(READ) == "03020000"
        port = site.proxy.fronts[0].port
        async with AsyncExitStack() as stack:
            crowd = [await stack.enter_async_context(client(port)) for _ in range(500)]
            assert await asking.told(READ) == "03020000"
            assert await asking.told(LEVEL) == "0600140007"
            assert await crowd[-1].told(READ) == "03020007"
            front = site.proxy.fronts[0]
            assert len(front.clients) == 32
            assert front.counts.turned_away == 500 - 31
            assert await crowd[0].hear() is None

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        play(tmp_path, story)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_when_all_have_asked_for_something_no_more_come_in(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        assert await asking.told(READ) == "03020000"
        async with client(site.proxy.fronts[0].port) as late:
            assert await late.hear() is None
        assert await asking.told(READ) == "03020000"

    play(tmp_path, story, more=", most_clients: 1")


def test_a_frame_that_drips_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modbus_front, "FRAME_S", 0.1)
    monkeypatch.setattr(modbus_front, "_SWEEP_S", 0.02)

    async def story(site: ProxySite, asking: RawClient) -> None:
        async def drip(slow: RawClient) -> None:
            for byte in write_frame(1, 1, bytes.fromhex(LEVEL.replace(" ", ""))) * 50:
                slow.say(bytes((byte,)))
                await asyncio.sleep(0.02)

        async with client(site.proxy.fronts[0].port) as slow:
            dripping = asyncio.create_task(drip(slow))
            assert await slow.hear() is None
            dripping.cancel()
        assert site.core.commands == []

    play(tmp_path, story)


def test_whoever_is_silent_is_left_and_whoever_waits_for_us_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus_front, "_SWEEP_S", 0.02)

    async def story(site: ProxySite, asking: RawClient) -> None:
        object.__setattr__(site.proxy.fronts[0].door, "idle_s", 0.1)
        site.core.says = "nothing"
        asking.ask(1, LEVEL)
        async with client(site.proxy.fronts[0].port) as silent:
            assert await silent.hear() is None
        frame = await asking.hear()
        assert frame is not None
        assert frame.pdu.hex() == "8606"

    play(tmp_path, story, decide_s=0.6)


def test_a_client_that_takes_no_answers_is_left_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus_front, "FRAME_S", 0.1)
    monkeypatch.setattr(modbus_front, "_SWEEP_S", 0.02)

    async def story(site: ProxySite, asking: RawClient) -> None:
        front = site.proxy.fronts[0]
        async with client(front.port) as greedy:
            greedy.writer.transport.pause_reading()
            frame = write_frame(1, 1, bytes.fromhex("03 0000 007d"))
            while len(front.clients) == 2:
                greedy.say(frame * 200)
                await asyncio.sleep(0.01)
        assert await asking.told(READ) == "03020000"

    play(tmp_path, story)


def test_a_device_with_too_many_questions_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus_back, "QUEUE", 3)

    async def story(site: ProxySite, asking: RawClient) -> None:
        site.plant.is_silent = True
        for number in range(6):
            asking.ask(number, READ)
        answers = [frame.pdu.hex() for frame in [await asking.hear() for _ in range(6)] if frame]
        assert answers[0] == "830b"
        assert answers[-1] == "8306"
        assert set(answers) == {"830b", "8306"}

    play(tmp_path, story)


def test_an_answer_of_the_device_that_fits_nothing_is_not_passed_on(tmp_path: Path) -> None:
    async def story(site: ProxySite, asking: RawClient) -> None:
        real = site.plant.answer
        site.plant.answer = lambda _unit, _pdu: b"\x03\x04\0\0\0\0"  # type: ignore[method-assign]
        assert await asking.told(READ) == "830b"
        site.plant.answer = real  # type: ignore[method-assign]
        assert await asking.told(READ) == "03020000"

    play(tmp_path, story)


MORE = (
    ", tls: {cert: tls/plant.crt, key: tls/plant.key, client_ca: tls/authority.crt}, roles: {"
    "operator: [{functions: [1, 5]}], write: [{functions: [3, 6], addresses: [20, 20]}]}"
)


def client_context(folder: Path, who: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=folder / "authority.crt")
    if who:
        made.load_cert_chain(folder / f"{who}.crt", folder / f"{who}.key")
    return made


def test_with_tls_a_role_asks_for_what_it_is_granted(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    authority, key = certificates.make(folder)
    certificates.issue(folder, "hmi", utf8_string("write"), authority, key)
    certificates.issue(folder, "twice", utf8_string("write") * 2, authority, key)

    def context(who: str) -> ssl.SSLContext:
        return client_context(folder, who)

    async def act() -> None:
        async with running(tmp_path, more=MORE) as site:
            await site.proxy.open()
            port = site.proxy.fronts[0].port
            async with client(port, context("hmi"), "localhost") as hmi:
                assert await hmi.told(LEVEL) == "0600140007"
                assert await hmi.told(VALVE_ON) == "8501"
                assert await hmi.told("06 0015 0007") == "8601"
            async with client(port, context("operator"), "localhost") as operator:
                assert await operator.told(VALVE_ON) == "050003ff00"
                assert await operator.told(LEVEL) == "8601"
                assert "client operator" in site.core.commands[-1].reason
            async with client(port, context("twice"), "localhost") as twice:
                assert await twice.told(READ) == "8301"
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                async with client(port, context(""), "localhost") as nobody:
                    assert await nobody.told(READ) == ""
            assert site.oracle() == []
            assert len(site.plant.seen) == 2

    asyncio.run(asyncio.wait_for(act(), 60))


def test_what_is_no_certificate_has_no_role() -> None:
    assert peer_of(b"") == ("", UNREADABLE, -1)


def crl(
    folder: Path, authority: x509.Certificate, key: ec.EllipticCurvePrivateKey, *who: str
) -> None:
    """Write who is revoked."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(now + timedelta(days=1))
        .add_extension(x509.CRLNumber(len(who)), critical=False)
    )
    for name in who:
        serial = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()).serial_number
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(one)
    new = folder / "new.crl"
    new.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    new.replace(folder / "list.crl")


def test_whoever_is_revoked_is_left_and_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus_front, "_SWEEP_S", 0.02)
    folder = tmp_path / "tls"
    authority, key = certificates.make(folder)
    crl(folder, authority, key)
    more = ", tls: {cert: tls/plant.crt, key: tls/plant.key, client_ca: tls/authority.crt, crl: tls/list.crl}"

    async def act() -> None:
        async with running(tmp_path, more=more) as site:
            await site.proxy.open()
            port = site.proxy.fronts[0].port
            tls = {who: client_context(folder, who) for who in ("operator", "visitor")}
            async with client(port, tls["operator"], "localhost") as operator:
                assert await operator.told(READ) == "03020000"
                crl(folder, authority, key, "operator")
                assert await operator.hear() is None
            async with client(port, tls["operator"], "localhost") as again:
                assert await again.hear() is None
            async with client(port, tls["visitor"], "localhost") as visitor:
                assert await visitor.told(READ) == "03020000"

    asyncio.run(asyncio.wait_for(act(), 60))
