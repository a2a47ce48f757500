"""The small types that settings are made of: ids, texts, numbers, each with its limits."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import core_schema

from twinvouch.wire.signature import algorithm, is_public_key

SECOND = 1_000_000_000
_ID = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


class Frozen(BaseModel):
    """Base of all settings: frozen, types as written (no text for a number), no unknown keys."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True)
class _Match:
    """A text that matches as a whole; `words` say so in the message, `pattern` tells editors."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        compiled, words = re.compile(self.pattern), self.words

        def check(text: str) -> str:
            if compiled.fullmatch(text) is None:
                raise ValueError(words)
            return text

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


def _public_key(text: str) -> str:
    """Base64 of an Ed25519 key (32 bytes) or of a P-256 point (65 bytes); a pasted seed rarely is either."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not algorithm(raw) or base64.b64encode(raw).decode() != text:
        raise ValueError(
            "base64 of 32 bytes (Ed25519) or 65 (ES256), as `twinvouch principals add` and `run` print it"
        )
    if not is_public_key(raw):
        raise ValueError(
            "a public key of Ed25519 or P-256 (a private key looks the same; do not paste one)"
        )
    return text


def _no_text(encoding: object) -> object:
    """A register block of text is refused with the reason; everything else is for the enumeration."""
    if encoding in {"string", "str", "text", "ascii", "utf8"}:
        raise ValueError(
            "an encoding of numbers: a tag is a quantity with a range and a rate, text has neither"
        )
    return encoding


def _range(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] >= limits[1]:
        raise ValueError("[low, high] with low below high")
    return limits


Id = Annotated[
    str, _Match(_ID, "an id: letters, digits, `_`, `-`, at most 64, first a letter or digit")
]
TagId = Annotated[str, _Match(f"{_ID}/{_ID}", "a tag id `asset/tag` of letters, digits, `_`, `-`")]
Line = Annotated[str, Field(max_length=1_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
FileName = Annotated[str, Field(min_length=1, max_length=1_000)]
Host = Annotated[str, _Match(r"[A-Za-z0-9:._%-]{1,253}", "a host name or address without a port")]
Url = Annotated[
    str,
    _Match(
        r"https?://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?",
        "an address such as http://127.0.0.1:8710",
    ),
]
NUMERIC = BeforeValidator(_no_text)
PublicKey = Annotated[str, AfterValidator(_public_key)]
Sha256Hex = Annotated[str, _Match(r"[0-9a-f]{64}", "64 hexadecimal digits (a SHA-256)")]
Moment = Annotated[
    str,
    _Match(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?",
        "a day or a moment in UTC: `2026-11-26` or `2026-11-26T18:00Z`",
    ),
]
Days = Annotated[int, Field(ge=1, le=36_525)]
Byte = Annotated[int, Field(ge=0, le=255)]
Bit = Annotated[int, Field(ge=0, le=15)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Range = Annotated[tuple[float, float], AfterValidator(_range)]
Positive = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]


class TlsFiles(Frozen):
    """`tls:` of a device, a broker or the link to the core: the authority to trust, our certificate, and where its key lies."""

    ca: FileName
    cert: FileName | None = None
    key: FileName | None = None


def ns(seconds: float) -> int:
    """Seconds of a setting as whole nanoseconds."""
    return round(seconds * SECOND)
