"""Texts that look like secrets: a configuration names where a secret lies, it never holds one.

Public keys (base64, 44 characters) and SHA-256 digests (hex, 64 characters) have the shape of raw
secrets too; they are allowed only under the keys that are made for them.
"""

import re

TOKEN_PREFIX = "tvt_"  # noqa: S105 - how our API tokens begin, so that a pasted one is recognised
PUBLIC = {
    "key",
    "permit_key",
    "root",
    "token_sha256",
    "sha256",
    "digest",
}  # keys whose values are public

_ALWAYS = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"
    r"|AGE-SECRET-KEY-1"
    r"|\btvt_[A-Za-z0-9_-]{16}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\."  # JSON web token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10}"
    r"|\bsk-[A-Za-z0-9_-]{20}"
    r"|\bBearer [A-Za-z0-9._~+/-]{16}"
    r"|[A-Za-z][A-Za-z0-9+.-]{0,20}://[^/\s:@]{1,200}:[^/\s@]{1,200}@"  # user and password in an address
)
_RAW = re.compile(r"[A-Za-z0-9+/_-]{43}=?|[0-9a-fA-F]{64}|[A-Za-z0-9+/]{86}==")


def looks_secret(text: str) -> bool:
    """True for a private key, a token or an address with a password, wherever it stands."""
    return _ALWAYS.search(text) is not None


def looks_raw(key: str, text: str) -> bool:
    """True for what has the shape of raw key bytes and stands where no public value belongs.

    A long name has that shape too, but seldom capitals, small letters and digits at once.
    """
    text = text.strip()
    if key in PUBLIC or _RAW.fullmatch(text) is None:
        return False
    return len(text) == 64 or all(re.search(kind, text) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
