"""Key files: made once, readable by their owner only, and nothing of them is ever printed."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from twinvouch.adapters.keys import Es256Signer, FileSigner, KeyAlgorithm, SeededSigner, generate
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.wire.signature import is_signature


def test_generated_key_signs_what_another_library_verifies(tmp_path: Path) -> None:
    path = tmp_path / "edge-1.key"
    public = generate(path)
    signer = FileSigner(path)
    assert signer.public_key == public
    Ed25519PublicKey.from_public_bytes(public).verify(signer.sign(b"message"), b"message")


def test_key_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        generate(tmp_path / "k")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600


def test_generate_never_overwrites(tmp_path: Path) -> None:
    generate(tmp_path / "k")
    before = (tmp_path / "k").read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        generate(tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == before


def test_generate_names_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        generate(tmp_path / "none" / "k")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o677])
def test_key_readable_by_others_is_refused(tmp_path: Path, mode: int) -> None:
    generate(tmp_path / "k")
    (tmp_path / "k").chmod(mode)
    with pytest.raises(ConfigError, match="expected 0600"):
        FileSigner(tmp_path / "k")


@pytest.mark.parametrize(
    "content",
    [b"", b"!!!", base64.b64encode(bytes(31)), base64.b64encode(bytes(33)), bytes(32), b"x" * 500],
)
def test_malformed_key_file_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="32 bytes in base64") as caught:
        FileSigner(path)
    if content.strip():
        assert content.decode("latin1") not in str(caught.value)


def test_missing_key_and_directory_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        FileSigner(tmp_path / "none")
    with pytest.raises(ConfigError):
        FileSigner(tmp_path)


def test_seeded_signer_follows_rfc_8032_test_1() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signer = SeededSigner(seed)
    assert (
        signer.public_key.hex()
        == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert signer.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_seed_of_wrong_length_is_misuse_and_repr_shows_only_the_key_id() -> None:
    with pytest.raises(UsageError, match="32 bytes, got 31"):
        SeededSigner(bytes(31))
    seed = bytes(range(32))
    shown = repr(SeededSigner(seed))
    assert seed.hex() not in shown
    assert "key id" in shown


def pem(
    path: Path, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


def test_es256_key_is_pkcs8_and_private(tmp_path: Path) -> None:
    path = tmp_path / "hsm.key"
    public = generate(path, KeyAlgorithm.ES256)
    signer = FileSigner(path)
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (signer.public_key, len(public)) == (public, 65)
    assert is_signature(signer.sign(b"message"), b"message", public)
    assert not is_signature(signer.sign(b"message"), b"massage", public)
    assert "key id" in repr(signer)


def test_pkcs8_of_other_programs_is_read(tmp_path: Path) -> None:
    ed, p256 = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    assert FileSigner(pem(tmp_path / "a", ed)).public_key == ed.public_key().public_bytes_raw()
    assert FileSigner(pem(tmp_path / "b", p256)).public_key == Es256Signer(p256).public_key


def test_other_and_encrypted_keys_are_refused(tmp_path: Path) -> None:
    for name, key in (
        ("p384", ec.generate_private_key(ec.SECP384R1())),
        ("rsa", rsa.generate_private_key(65_537, 2048)),
    ):
        with pytest.raises(ConfigError, match="neither an unencrypted PKCS#8 key"):
            FileSigner(pem(tmp_path / name, key))
    locked = tmp_path / "locked"
    secret = BestAvailableEncryption(b"secret")
    key = Ed25519PrivateKey.generate()
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    locked.chmod(0o600)
    with pytest.raises(ConfigError, match="neither an unencrypted PKCS#8 key"):
        FileSigner(locked)
    with pytest.raises(UsageError, match="P-256"):
        Es256Signer(ec.generate_private_key(ec.SECP384R1()))
