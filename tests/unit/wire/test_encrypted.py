"""Encrypted bytes: they open only whole, in their place and with the key that they name."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import CorruptError, MalformedError
from twinvouch.wire.encrypted import commitment, decrypt, encrypt, is_encrypted, label, read_label

KEY = bytes(range(32))
UNDER = label("edge-1", 20_782, commitment(KEY))
NONCE = b"n" * 12


def stored(plain: bytes = b"12.5 m", place: bytes = b"log") -> bytes:
    return encrypt(AESGCM(KEY), UNDER, NONCE, plain, place)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_was_encrypted_comes_back(plain: bytes, place: bytes) -> None:
    raw = stored(plain, place)
    assert is_encrypted(raw)
    found = read_label(raw)
    assert (found.stream, found.day, found.commitment) == ("edge-1", 20_782, commitment(KEY))
    assert decrypt(AESGCM(KEY), found, raw, place) == plain
    assert len(raw) == 4 + 4 + 1 + 6 + 32 + 12 + len(plain) + 16


def test_every_flipped_bit_is_found() -> None:
    raw = stored()
    for at in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises((CorruptError, MalformedError)):
            decrypt(AESGCM(KEY), read_label(bytes(changed)), bytes(changed), b"log")


def test_bytes_of_another_place_do_not_open() -> None:
    with pytest.raises(CorruptError, match="changed or moved"):
        decrypt(AESGCM(KEY), UNDER, stored(place=b"row/frame"), b"row/links")


def test_the_label_names_one_key() -> None:
    other = bytes(32)
    assert commitment(other) != commitment(KEY)
    assert commitment(KEY) not in {KEY, bytes(32)}
    forged = label("edge-1", 20_782, commitment(other)).head + stored()[len(UNDER.head) :]
    with pytest.raises(CorruptError):
        decrypt(AESGCM(KEY), read_label(forged), forged, b"log")


@pytest.mark.parametrize("raw", [b"", b"TVE1", stored()[:60], b"\x84\x01\x18\x87", b"TVE1" + b"\xff" * 400])  # fmt: skip
def test_what_is_cut_or_something_else_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_label(raw)


def test_records_and_rows_never_look_encrypted() -> None:
    assert not any(is_encrypted(bytes([first]) + b"VE1") for first in range(0x80, 0xC0))
