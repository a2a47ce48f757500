"""Our side of mutual TLS from settings: files that fit, and a certificate for who we are."""

import math
from pathlib import Path

import pytest

from twinvouch.adapters.plant_authority import Authority, make, now_utc, write_new
from twinvouch.app.api.links import Links
from twinvouch.app.config_model import ApiTls, TlsFiles
from twinvouch.app.link_tls import ends_of, link_tls, server_tls
from twinvouch.core.errors import ConfigError


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    make(tmp_path / "authority", "net3", now_utc())
    pem, key = Authority(tmp_path / "authority").issue("edge-1", (), 30, now_utc())
    write_new(tmp_path / "edge-1.crt", pem, 0o644)
    write_new(tmp_path / "edge-1.tls.key", key, 0o600)
    return TlsFiles(ca="authority/authority.crt", cert="edge-1.crt", key="edge-1.tls.key")


def test_a_certificate_is_for_who_we_are(files: TlsFiles, tmp_path: Path) -> None:
    assert link_tls(None, tmp_path, ("net3", "edge-1")) is None
    assert link_tls(files, tmp_path, ("net3", "edge-1")) is not None
    for own in (("net3", "edge-2"), ("net4", "edge-1")):
        with pytest.raises(ConfigError, match=f"for `net3/edge-1`, expected `{'/'.join(own)}`"):
            link_tls(files, tmp_path, own)


def test_when_the_files_of_a_link_end(files: TlsFiles, tmp_path: Path) -> None:
    assert ends_of(None, tmp_path) == {}
    ends = ends_of(files, tmp_path)
    assert sorted(ends) == ["authority", "own"]
    assert ends["own"] < ends["authority"]
    assert ends_of(TlsFiles(ca=files.ca), tmp_path) == {"authority": ends["authority"]}


def test_the_core_s_files_are_read_at_the_start(files: TlsFiles, tmp_path: Path) -> None:
    settings = ApiTls(cert=str(files.cert), key=str(files.key), client_ca=files.ca)
    _, revoked, ends = server_tls(settings, tmp_path)
    assert revoked.serials == frozenset()
    assert (revoked.until_s, sorted(ends)) == (math.inf, ["authority", "own"])
    days = {what: (at_s - now_utc().timestamp()) / 86_400 for what, at_s in ends.items()}
    assert 29.9 < days["own"] <= 30
    assert 3_649 < days["authority"] <= 3_650
    links = Links("net3", revoked, lambda *_: None, ends)
    assert links.ends() == ends, "a list that is not there never ends"
    listed = settings.model_copy(update={"crl": "authority/authority.crl"})
    _, revoked, ends = server_tls(listed, tmp_path)
    assert Links("net3", revoked, lambda *_: None, ends).ends()["crl"] == ends["authority"]
    missing = settings.model_copy(update={"crl": "none.crl"})
    with pytest.raises(ConfigError, match=r"none\.crl"):
        server_tls(missing, tmp_path)
