"""A model's class, found by name and made; and its digest.

The digest is over the class's name and the file that it is in, the data file and the numbers: whoever changes one of
them has another model. It is among what the core runs with, and in what two persons sign.
"""

import importlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from twinvouch.core.errors import ConfigError
from twinvouch.core.ports import Lookahead


@dataclass(frozen=True, slots=True)
class Made:
    """A model and what it was made from."""

    model: Lookahead
    digest: bytes


def class_of(reference: str) -> Any:
    """The class `module:Class`; ConfigError where there is none."""
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - a plant's own module may fail in any way
        raise _failed(reference, error) from None


def make(reference: str, data: bytes, numbers: Mapping[str, float]) -> Made:
    """Make the model of class `module:Class`; ConfigError where that fails."""
    found = class_of(reference)
    try:
        source = Path(inspect.getfile(found)).read_bytes()
        model: Lookahead = found(data, numbers)
    except Exception as error:  # noqa: BLE001 - a plant's own class may fail in any way
        raise _failed(reference, error) from None
    parts = [reference, sha256(source).hexdigest(), sha256(data).hexdigest(), dict(numbers)]
    return Made(model, sha256(json.dumps(parts, sort_keys=True).encode()).digest())


def _failed(reference: str, error: Exception) -> ConfigError:
    return ConfigError(f"model `{reference}`: {type(error).__name__}: {error}")
