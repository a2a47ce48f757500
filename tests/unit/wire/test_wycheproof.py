"""Project Wycheproof's vectors against exactly the code that verifies, and every difference named."""

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinvouch.wire.signature import is_public_key, is_signature


def vectors(shared_data: Path, name: str) -> dict[str, Any]:
    path = shared_data / "trust" / "wycheproof" / f"{name}_test.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def raw_of(der: bytes) -> bytes:
    """The 64 bytes that a DER signature would travel as; nothing where it could not."""
    try:
        r, s = decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError):
        return b""


def test_ed25519_agrees_in_every_case(shared_data: Path) -> None:
    found = vectors(shared_data, "ed25519")
    agreed = 0
    for group in found["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        assert is_public_key(key)
        for case in group["tests"]:
            signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
            assert is_signature(signature, message, key) == (case["result"] == "valid"), case
            agreed += 1
    assert agreed == found["numberOfTests"] == 151


def test_ecdsa_p256_agrees_in_every_case(shared_data: Path) -> None:
    found = vectors(shared_data, "ecdsa_secp256r1_sha256")
    results = {"valid": 0, "invalid": 0}
    for group in found["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["uncompressed"])
        assert is_public_key(key)
        for case in group["tests"]:
            signature, message = raw_of(bytes.fromhex(case["sig"])), bytes.fromhex(case["msg"])
            assert is_signature(signature, message, key) == (case["result"] == "valid"), case
            results[case["result"]] += 1
    assert sum(results.values()) == found["numberOfTests"] == 484
    assert min(results.values()) > 100


def unpadded(text: str) -> bytes:
    """base64url as a JSON Web Signature has it; nothing where it is not."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return b""


def test_es256_agrees_on_every_signature_of_r_and_s(shared_data: Path) -> None:
    """Of the JSON Web Signature vectors those whose key is for ES256 signing: r || s as we have it."""
    seen: list[str] = []
    for group in vectors(shared_data, "json_web_signature")["testGroups"]:
        public = group.get("public", {})
        if public.get("alg") != "ES256":
            continue
        key = b"\x04" + unpadded(public["x"]) + unpadded(public["y"])
        assert is_public_key(key)
        for case in group["tests"]:
            message, dot, signature = case["jws"].rpartition(".")
            holds = bool(dot) and is_signature(unpadded(signature), message.encode(), key)
            assert holds == (case["result"] == "valid"), case
            seen.append(case["comment"])
    assert len(seen) == 39
    assert {"rIsZero_sIsZero", "rIsN_sIsN", "SisTooBig", "TrailingZeros"} <= set(seen)


def test_aes_gcm_agrees_but_for_ivs_that_the_library_refuses(shared_data: Path) -> None:
    """27 valid vectors have an IV under 64 or over 1024 bits: refused, which is stricter. Ours have 96 bits."""
    found = vectors(shared_data, "aes_gcm")
    agreed, refused = 0, []
    for group in found["testGroups"]:
        for case in group["tests"]:
            iv, sealed = bytes.fromhex(case["iv"]), bytes.fromhex(case["ct"] + case["tag"])
            try:
                opened = AESGCM(bytes.fromhex(case["key"])).decrypt(
                    iv, sealed, bytes.fromhex(case["aad"])
                )
            except InvalidTag:
                assert case["result"] == "invalid", case
            except ValueError:
                assert not 8 <= len(iv) <= 128, case
                if case["result"] == "valid":
                    refused.append(len(iv))
                    continue
            else:
                assert case["result"] == "valid", case
                assert opened.hex() == case["msg"]
            agreed += 1
    assert agreed + len(refused) == found["numberOfTests"] == 316
    assert len(refused) == 27
    assert 12 not in refused
