"""`config migrate`: what this release makes of a twin.yaml or actuator.yaml that an earlier one was content with.

No setting of 0.1.0 was removed or renamed, so that most files are current as they are. What can be rewritten without
deciding anything is; what somebody has to decide is said; what means something else now is noted, and needs nothing.
Edits are made in the text, so comments and order stay, and count only where the new text loads.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from pathlib import Path
from typing import Any

from twinvouch.app import actuator_config, build, key_list, signing
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.config_model import Config
from twinvouch.app.problems import InvalidConfigError, Place, Problem
from twinvouch.app.yaml_file import Document, open_document, parse
from twinvouch.app.yaml_tree import Fields, Loc, Scalar, find, plain
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import Plant, PrincipalKind, Rhythm, Role
from twinvouch.core.keyring import KeyPurpose
from twinvouch.engine.withholding import SIGNATURES

VERSION = 1


class Need(StrEnum):
    """Who has to do something about a step."""

    REWRITE = "rewrite"  # this program may
    PERSON = "a person"
    NOTE = "note"  # nobody: it says what is otherwise now


@dataclass(frozen=True, slots=True)
class Step:
    """One thing between an earlier release and this one, and where it stands."""

    need: Need
    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """`new` instead of the characters `start..end`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Migration:
    """What was found; `after` is the text with everything rewritten that may be."""

    path: Path
    before: str
    after: str
    steps: tuple[Step, ...]

    @property
    def diff(self) -> str:
        """What rewriting changes, as a unified diff; empty where it changes nothing."""
        old, new = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(unified_diff(old, new, str(self.path), f"{self.path} (migrated)"))


def examine(path: Path) -> Migration:
    """What there is to do about a file; ConfigError for one that is invalid even when rewritten, or newer than this release."""
    document = open_document(path)
    _refuse_newer(document)
    is_actuator = isinstance(document.root, Fields) and "points" in document.root.fields
    edits = list(_edits_of_actuator(document, path) if is_actuator else _edits_of_twin(document))
    after = document.text
    for _, edit in sorted(edits, key=lambda e: e[1].start, reverse=True):
        after = after[: edit.start] + edit.new + after[edit.end :]
    changed = parse(after, str(path))
    found = (
        _steps_of_actuator(actuator_config.from_document(changed), document)
        if is_actuator
        else _steps_of_twin(build.from_document(changed, path), document)
    )
    return Migration(path, document.text, after, (*(step for step, _ in edits), *found))


def _refuse_newer(document: Document) -> None:
    version = plain(document.root).get("version")
    if type(version) is int and version > VERSION:
        why = f"version {version} is of a later release, this one reads version {VERSION}: use the release that wrote it"
        raise InvalidConfigError([Problem(document.place(("version",)), why)])


def _edits_of_twin(document: Document) -> Iterator[tuple[Step, Edit]]:
    edges = plain(document.root).get("edges")
    for name in edges if isinstance(edges, dict) else ():
        yield from _https(document, ("edges", name))


def _edits_of_actuator(document: Document, path: Path) -> Iterator[tuple[Step, Edit]]:
    yield from _https(document, ())
    yield from _permit_key(document, path)


def _https(document: Document, loc: Loc) -> Iterator[tuple[Step, Edit]]:
    """`core` without TLS beside `tls`, which this release refuses: there is one thing it can mean."""
    settings, core = _at(document, loc), (*loc, "core")
    url = settings.get("core")
    if settings.get("tls") is None or not (isinstance(url, str) and url.startswith("http://")):
        return
    node, _ = find(document.root, core)
    at = document.text.find("http://", node.start, node.end)
    if isinstance(node, Scalar) and at >= 0:
        step = Step(Need.REWRITE, node.place, "`core` beside `tls` begins with https://")
        yield step, Edit(at, at + len("http://"), "https://")


def _permit_key(document: Document, path: Path) -> Iterator[tuple[Step, Edit]]:
    """`permit_key` beside `key_list`: only one of them counts, and the list is what can be revoked."""
    settings = _at(document, ())
    if not {"permit_key", "key_list"} <= settings.keys() or not _is_listed(settings, path):
        return
    _, place = find(document.root, ("permit_key",))
    lines = document.text.splitlines(keepends=True)
    start = sum(map(len, lines[: place.line - 1]))
    if place.column == 1 and lines[place.line - 1].startswith(("permit_key:", '"permit_key":')):
        why = "`permit_key` becomes a comment: the `key_list` has this key"
        yield Step(Need.REWRITE, place, why), Edit(start, start, "# ")


def _is_listed(settings: dict[str, Any], path: Path) -> bool:
    """True where the root has said of this very key that it is for permits, and has not revoked it."""
    try:
        root, file = settings["key_list"]["root"], settings["key_list"]["file"]
        wanted = base64.b64decode(settings["permit_key"], validate=True)
        plant = Plant(str(settings["plant"]), {}, {}, (), {}, {}, {}, {}, {})
        ring = key_list.ring(path.parent / file, plant, base64.b64decode(root, validate=True))
    except (ConfigError, KeyError, TypeError, ValueError):
        return False  # what is wrong with it is told when the file is loaded
    said = [k for k in ring.keys.values() if k.said.key == wanted and k.revoked is None]
    return any(k.said.purpose is KeyPurpose.PERMIT for k in said)


def _at(document: Document, loc: Loc) -> dict[str, Any]:
    found = plain(find(document.root, loc)[0])
    return found if isinstance(found, dict) else {}


def _steps_of_twin(config: Config, document: Document) -> Iterator[Step]:
    if config.actuator is not None:
        yield from _signatures(config, document.place(("actuator",), key=True))
    if any(group.rhythm is Rhythm.SCAN for group in config.groups.values()):
        why = (
            "`max_age_s`: what is older when it comes goes to history only; 0.1.0 let it become live where nothing "
            "newer was known"
        )
        yield Step(Need.NOTE, document.place(("groups",), key=True), why)
    if "disk" not in config.model_fields_set:
        why = (
            f"`disk` is not set: below {config.disk.reserve_percent:g} % of free disk readings are refused and commands "
            "denied; 0.1.0 wrote until nothing was left"
        )
        yield Step(Need.NOTE, document.place(("version",), key=True), why)


def _signatures(config: Config, place: Place) -> Iterator[Step]:
    """A plant that is written to: no permits without a configuration that two persons have signed."""
    signers = [
        p
        for p in config.principals
        if p.kind is PrincipalKind.PERSON
        and Role.SAFETY_SIGNER in p.roles
        and (p.key is not None or config.key_list is not None)
    ]
    if len(signers) < SIGNATURES:
        why = (
            f"permits need a configuration that {SIGNATURES} persons with role `safety-signer` and a key have signed, "
            f"{len(signers)} here: give the role to persons under `principals`, then each `twinvouch config sign`"
        )
        yield Step(Need.PERSON, place, why)
    elif signing.last_signed(config)[1] != signing.part_of(config):
        why = (
            f"no permits until {SIGNATURES} persons have signed what this file says of limits, keys and roles: each "
            "`twinvouch config sign --by PERSON`"
        )
        yield Step(Need.PERSON, place, why)


def _steps_of_actuator(config: ActuatorConfig, document: Document) -> Iterator[Step]:
    if config.key_list is None:
        why = "`permit_key` is one key for ever; with `key_list` instead the plant root can rotate and revoke it"
        yield Step(Need.NOTE, document.place(("permit_key",), key=True), why)
