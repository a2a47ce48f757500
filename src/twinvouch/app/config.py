"""Loading twin.yaml: text -> tree -> tags of the CSV -> models -> checks across sections.

Always true of a loaded Config: every reference exists, every number has a limit, no value is
a secret. Unknown keys, duplicate keys and wrong types were refused with their place. The digest
covers every setting, tags from the CSV included (`yaml_file.digest`).
"""

from pathlib import Path

from twinvouch.app import config_checks, tags_csv
from twinvouch.app.config_checks import CompileInterlock
from twinvouch.app.config_model import Config
from twinvouch.app.yaml_file import Document, open_document, validate

__all__ = ["CompileInterlock", "Config", "from_document", "load"]


def load(path: Path, compile_interlock: CompileInterlock | None = None) -> Config:
    """Read, validate and cross-check a twin.yaml; raises InvalidConfigError with every problem.

    `compile_interlock(text, tag_ids)` is called for each interlock; the ConfigError it raises is
    told at the interlock's place.
    """
    return from_document(open_document(path), path, compile_interlock)


def from_document(
    document: Document, path: Path, compile_interlock: CompileInterlock | None = None
) -> Config:
    """As `load`, for a text that is parsed but perhaps not yet written; names count from `path`."""
    tags_csv.merge(document, path.parent)
    config = validate(document, Config).found_at(path)
    config_checks.check(config, document, compile_interlock)
    document.refuse()
    return config
