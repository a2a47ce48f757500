"""The plant's authority: certificates bound to principals, revocation by a list that only goes forward."""

import base64
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.adapters.link_tls import (
    ClientFiles,
    Revoked,
    ServerFiles,
    client_context,
    own_name,
    peer_of,
    server_context,
)
from twinvouch.adapters.plant_authority import Authority, make, named_in, write_new
from twinvouch.core.errors import ConfigError, UsageError

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    make(tmp_path / "authority", "net3", NOW)
    return Authority(tmp_path / "authority")


def der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def test_a_certificate_names_plant_and_principal(authority: Authority) -> None:
    pem, _ = authority.issue("edge-1", (), 30, NOW)
    assert authority.plant == "net3"
    assert named_in(x509.load_pem_x509_certificate(pem)) == ("net3", "edge-1")
    assert peer_of(der(pem), "net3")[0] == "edge-1"
    assert peer_of(der(pem), "net4")[0] == "", "one of another plant is nobody here"


def test_private_keys_are_for_their_owner_only(authority: Authority, tmp_path: Path) -> None:
    assert (tmp_path / "authority" / "authority.key").stat().st_mode & 0o777 == 0o600


def test_a_server_cannot_be_a_client_nor_the_other_way_round(authority: Authority) -> None:
    uses = {
        hosts: x509.load_pem_x509_certificate(authority.issue("core", hosts, 30, NOW)[0])
        .extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        .value
        for hosts in ((), ("core.example", "127.0.0.1"))
    }
    assert {len(u) for u in uses.values()} == {1}
    assert uses[()] != uses["core.example", "127.0.0.1"]


def test_nothing_is_overwritten_and_no_name_is_a_path(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="never overwritten"):
        make(tmp_path / "authority", "net3", NOW)
    for name in ("../x", "", "a/b", "a b", "x" * 65):
        with pytest.raises(UsageError, match="no id"):
            authority.issue(name, (), 30, NOW)
    with pytest.raises(UsageError, match="beyond the authority"):
        authority.issue("edge-1", (), 4_000, NOW)
    with pytest.raises(ConfigError, match="certs init"):
        Authority(tmp_path / "elsewhere")


def test_revoked_is_what_the_list_says(authority: Authority, tmp_path: Path) -> None:
    first, _ = authority.issue("edge-1", (), 30, NOW)
    second, _ = authority.issue("edge-1", (), 30, NOW)
    other, _ = authority.issue("edge-2", (), 30, NOW)
    folder = tmp_path / "authority"
    revoked = Revoked(folder / "authority.crl", folder / "authority.crt")
    assert revoked.serials == frozenset()
    serials = {peer_of(der(pem), "net3")[1] for pem in (first, second)}
    assert set(authority.revoke("edge-1", NOW)) == serials
    assert authority.revoke("edge-1", NOW) == []
    assert revoked.look() == ""
    assert revoked.serials == serials
    authority.revoke(f"{peer_of(der(other), 'net3')[1]:x}", NOW)
    assert revoked.look() == ""
    assert len(revoked.serials) == 3
    assert [i.principal for i in authority.issued()] == ["edge-1", "edge-1", "edge-2"]
    assert all(i.revoked == NOW for i in authority.issued())
    with pytest.raises(UsageError, match="certs list"):
        authority.revoke("edge-9", NOW)


def test_a_list_that_is_wrong_or_older_changes_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "authority"
    crl, before = folder / "authority.crl", (folder / "authority.crl").read_bytes()
    authority.issue("edge-1", (), 30, NOW)
    authority.revoke("edge-1", NOW)
    revoked = Revoked(crl, folder / "authority.crt")
    held = revoked.serials
    assert len(held) == 1
    make(tmp_path / "other", "net3", NOW)
    foreign = (tmp_path / "other" / "authority.crl").read_bytes()
    for content, why in ((before, "older than"), (foreign, "not signed"), (b"half", "no PEM")):
        crl.write_bytes(content)
        assert why in revoked.look()
        assert revoked.look() == "", "told once"
        assert revoked.serials == held
    crl.unlink()
    assert "cannot be read" in revoked.look()
    assert revoked.serials == held


def test_a_list_is_on_the_disk_before_it_takes_the_place_of_the_last(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.issue("edge-1", (), 30, NOW)
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: done.append(Path(f"/proc/self/fd/{fd}").readlink().name) or fsync(fd),
    )
    monkeypatch.setattr(
        Path, "replace", lambda path, to: done.append(f"{path.name} replaces") or replace(path, to)
    )
    authority.revoke("edge-1", NOW)
    assert done == ["authority.crl.new", "authority.crl.new replaces", "authority"]


def test_a_list_that_is_damaged_anywhere_is_told_and_changes_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    """Much of a list is parsed only where it is looked at."""
    folder = tmp_path / "authority"
    authority.issue("edge-1", (), 30, NOW)
    authority.revoke("edge-1", NOW)
    crl = folder / "authority.crl"
    whole = x509.load_pem_x509_crl(crl.read_bytes()).public_bytes(Encoding.DER)
    revoked = Revoked(crl, folder / "authority.crt")
    held = revoked.serials
    told = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        pem = base64.encodebytes(bytes(damaged))
        draft = tmp_path / "draft"  # another file each time, as `cp` and `mv` make it
        draft.write_bytes(
            b"-----BEGIN X509 CRL-----\n" + pem + b"-----END X509 CRL-----\n" + b"\n" * (place % 2)
        )
        draft.replace(crl)
        told += bool(revoked.look())
        assert revoked.serials == held
    assert told == len(whole)


def test_at_the_start_a_wrong_list_is_an_error(authority: Authority, tmp_path: Path) -> None:
    del authority
    for content in (b"", b"-----BEGIN X509 CRL-----\n"):
        (tmp_path / "crl").write_bytes(content)
        with pytest.raises(ConfigError, match="crl"):
            Revoked(tmp_path / "crl", tmp_path / "authority" / "authority.crt")


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """The server's side after a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server.wrap_bio(to_server, to_client, server_side=True)
    there = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(10):
        for side in (there, here):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    here.do_handshake()
    return here


def test_both_sides_check_each_other(authority: Authority, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    make(tmp_path / "live", "net3", now)
    live = Authority(tmp_path / "live")
    ca = tmp_path / "live" / "authority.crt"
    for name, hosts in (("core", ("localhost",)), ("edge-1", ())):
        pem, key = live.issue(name, hosts, 30, now)
        write_new(tmp_path / f"{name}.crt", pem, 0o644)
        write_new(tmp_path / f"{name}.key", key, 0o600)
    core = (tmp_path / "core.crt", tmp_path / "core.key")
    edge = (tmp_path / "edge-1.crt", tmp_path / "edge-1.key")
    server = server_context(ServerFiles(*core, ca))
    met = shaken(server, client_context(ClientFiles(ca, *edge)), "localhost")
    assert met.version() == "TLSv1.3"
    found = met.getpeercert(binary_form=True)
    assert found is not None
    assert peer_of(found, "net3")[0] == own_name(edge[0])[1] == "edge-1"
    foreign = tmp_path / "authority" / "authority.crt"
    for client, name in (
        (client_context(ClientFiles(ca)), "localhost"),
        (client_context(ClientFiles(ca, *edge)), "elsewhere"),
        (client_context(ClientFiles(foreign, *edge)), "localhost"),
        (client_context(ClientFiles(ca, *core)), "localhost"),
    ):
        with pytest.raises(ssl.SSLError):
            shaken(server, client, name)
    with pytest.raises(ssl.SSLError):
        shaken(
            server_context(ServerFiles(*edge, ca)),
            client_context(ClientFiles(ca, *edge)),
            "localhost",
        )
    old = client_context(ClientFiles(ca, *edge), "1.2")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        shaken(server, old, "localhost")
    assert (
        shaken(server_context(ServerFiles(*core, ca), "1.2"), old, "localhost").version()
        == "TLSv1.2"
    )
    open_to_people = server_context(ServerFiles(*core, ca), require=False)
    assert (
        shaken(open_to_people, client_context(ClientFiles(ca)), "localhost").getpeercert(
            binary_form=True
        )
        is None
    )


def test_files_that_are_no_good_are_named(authority: Authority, tmp_path: Path) -> None:
    ca = tmp_path / "authority" / "authority.crt"
    pem, key = authority.issue("edge-1", (), 30, NOW)
    (tmp_path / "edge-1.crt").write_bytes(pem)
    (tmp_path / "edge-1.key").write_bytes(key)
    (tmp_path / "edge-1.key").chmod(0o640)
    files = ClientFiles(ca, tmp_path / "edge-1.crt", tmp_path / "edge-1.key")
    with pytest.raises(ConfigError, match="expected 0600"):
        client_context(files)
    with pytest.raises(ConfigError, match="both `cert` and `key`"):
        client_context(ClientFiles(ca, files.cert))
    for wrong in (tmp_path / "none", tmp_path / "edge-1.key"):
        with pytest.raises(ConfigError, match=wrong.name):
            client_context(ClientFiles(wrong))
        with pytest.raises(ConfigError, match=wrong.name):
            own_name(wrong)


@given(st.lists(st.text("twinvouch:/net3-edge1%", max_size=30), max_size=3))
def test_whatever_a_certificate_says_is_one_name_or_none(uris: list[str]) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, NOW, NOW)
        if not uris
        else x509.CertificateBuilder(name, name, key.public_key(), 7, NOW, NOW).add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(u) for u in uris]),
            critical=False,
        )
    )
    plant, principal = named_in(builder.sign(key, SHA256()))
    assert (plant == "") == (principal == "")
    if principal:
        assert f"twinvouch://{plant}/{principal}" in uris
