"""Loading twin.yaml: text -> tree -> tags of the CSV -> models -> checks across sections.

Always true of a loaded Config: every reference exists, every number has a limit, no value is
a secret. Unknown keys, duplicate keys and wrong types were refused with their place. The digest
covers every setting, tags from the CSV included (`yaml_file.digest`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from twinvouch.app import config_checks, inventory, tags_csv
from twinvouch.app.config_model import Config
from twinvouch.app.yaml_file import Document, open_document, validate
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import Tag

__all__ = ["CompileInterlock", "Config", "from_document", "load"]

CompileInterlock: TypeAlias = Callable[[str, Sequence[Tag]], object]


def load(path: Path, compile_interlock: CompileInterlock | None = None) -> Config:
    """Read, validate and cross-check a twin.yaml; raises InvalidConfigError with every problem.

    `compile_interlock(text, tags)` is called for each interlock with the tags it reads; what it
    raises (ValueError, ConfigError) is told at the interlock's place.
    """
    return from_document(open_document(path), path, compile_interlock)


def from_document(
    document: Document, path: Path, compile_interlock: CompileInterlock | None = None
) -> Config:
    """As `load`, for a text that is parsed but perhaps not yet written; names count from `path`."""
    tags_csv.merge(document, path.parent)
    config = validate(document, Config).found_at(path)
    config_checks.check(config, document)
    document.refuse()
    if compile_interlock is not None:
        _try_interlocks(config, document, compile_interlock)
        document.refuse()
    return config


def _try_interlocks(config: Config, document: Document, compile_it: CompileInterlock) -> None:
    tags = inventory.plant(config).tags
    for name, tag in tags.items():
        if tag.limits is None or not tag.limits.interlock:
            continue
        try:
            compile_it(tag.limits.interlock, [tags[t] for t in tag.limits.interlock_tags])
        except (ValueError, ConfigError) as error:
            document.say(("tags", name, "actuator", "interlock"), str(error))
