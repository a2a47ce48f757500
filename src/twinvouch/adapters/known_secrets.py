"""Secrets that this process has read or made, so that whatever is written out can leave them out.

Who reads a secret says so here; `app.logs` and the command line pass every line through `hidden`. That a message
never quotes a secret is the rule; this holds it where a library, a traceback or a mistake would break it.
"""

import re
from typing import Final

HIDDEN: Final = "[hidden]"
_SHORTEST = 8  # shorter texts would hide words that are none
_BEARER = re.compile(r"(?i)\b(bearer\s+)(?!tokens?\b)[^\s'\",;]{4,}")
_known: set[str] = set()


def remember(secret: str) -> str:
    """Take note of a secret and give it back."""
    if len(secret) >= _SHORTEST:
        _known.add(secret)
    return secret


def hidden(text: str) -> str:
    """The text without the secrets that are known, and without any bearer token."""
    for secret in tuple(_known):
        text = text.replace(secret, HIDDEN)
    return _BEARER.sub(rf"\1{HIDDEN}", text)
