"""Reading a YAML file into a pydantic model; every problem is told as `file:line:column: ...`.

`read(path, model)` is the whole of it. The digest is the SHA-256 of the validated model, defaults
written out, as JSON with sorted keys, no spaces and UTF-8: formatting, comments and the order
of keys do not count, every value does.
"""

import json
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from twinvouch.app.problems import InvalidConfigError, Place, Problem, named, shown
from twinvouch.app.yaml_tree import Fields, Loc, Node, TreeReader, find, plain

MAX_BYTES = 4 * 1024 * 1024
MAX_SUGGESTED = 1_000

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Document:
    """A file that was read: its text, its tree and what is already known to be wrong with it."""

    file: str
    text: str
    root: Node
    problems: list[Problem] = field(default_factory=list)

    def place(self, loc: Loc, *, key: bool = False) -> Place:
        """Where the value at `loc` stands, or its key; where there is none, the nearest above."""
        node, key_place = find(self.root, loc)
        return key_place if key else node.place

    def say(self, loc: Loc, text: str, *, key: bool = False) -> None:
        """Note a problem at `loc`."""
        self.problems.append(Problem(self.place(loc, key=key), text))

    def refuse(self) -> None:
        """Raise InvalidConfigError where anything is wrong."""
        if self.problems:
            raise InvalidConfigError(self.problems)


def read(path: Path, model: type[M]) -> tuple[M, bytes]:
    """The validated model in the file and its digest; raises InvalidConfigError with every problem."""
    document = open_document(path)
    validated = validate(document, model)
    return validated, digest(validated)


def open_document(path: Path) -> Document:
    """Read and parse a file of at most 4 MiB; problems found so far are kept, not raised."""
    return parse(read_text(path), str(path))


def parse(text: str, file: str) -> Document:
    """Parse YAML text; `file` is the name for messages. Raises where there is no tree at all."""
    reader = TreeReader(file)
    reader.read(text)
    if isinstance(reader.root, Fields):
        return Document(file, text, reader.root, reader.problems)
    if not reader.problems:
        got = "nothing" if reader.root is None else shown(plain(reader.root))
        place = reader.root.place if reader.root is not None else Place(file, 1, 1)
        reader.problems.append(Problem(place, f"the file, expected a mapping of keys, got {got}"))
    raise InvalidConfigError(reader.problems)


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """The text of a regular UTF-8 file of at most `most` bytes, or InvalidConfigError that say why not."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _problem(path, "expected a regular file")
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except FileNotFoundError:
        raise _problem(path, "no such file") from None
    except (OSError, ValueError) as error:
        raise _problem(path, f"cannot be read: {error}") from None
    if len(raw) > most:
        raise _problem(path, f"the file is larger than the limit of {most} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        place = Place(str(path), before.count(b"\n") + 1, column)
        raise InvalidConfigError(
            [Problem(place, "not UTF-8 text; save the file as UTF-8")]
        ) from None


def validate(document: Document, model: type[M]) -> M:
    """The document as `model`; raises InvalidConfigError with what parsing and the model found.

    A section with nothing under it, or with everything commented out, is one that is left out.
    """
    data = {key: value for key, value in plain(document.root).items() if value is not None}
    try:
        validated = model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        known = {p.place for p in document.problems}
        told = (_told(document, model, e) for e in error.errors(include_url=False))
        document.problems.extend(p for p in told if p.place not in known)
        raise InvalidConfigError(document.problems) from None
    document.refuse()
    return validated


def digest(model: BaseModel) -> bytes:
    """SHA-256 of the model as sorted JSON, defaults written out, in UTF-8."""
    return sha256(canonical(model.model_dump(mode="json", by_alias=True)).encode()).digest()


def canonical(data: object) -> str:
    """What a digest of settings is of: sorted JSON."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def suggestion(word: str, known: Iterable[str]) -> str:
    """The words "did you mean" with what is closest among `known`; empty where nothing is close.

    Among very many names nothing is looked for: it would take longer than reading the message.
    """
    names = list(islice(known, MAX_SUGGESTED + 1))
    close = get_close_matches(word[:200], names, n=1) if len(names) <= MAX_SUGGESTED else []
    return f", did you mean `{close[0]}`?" if close else ""


def _problem(path: Path, text: str) -> InvalidConfigError:
    return InvalidConfigError([Problem(Place(str(path), 1, 1), text)])


def _told(document: Document, model: type[BaseModel], error: ErrorDetails) -> Problem:
    """One of pydantic's errors in our words, at its place."""
    loc, kind = error["loc"], error["type"]
    is_key = bool(loc) and loc[-1] == "[key]"
    loc = loc[:-1] if is_key else loc
    name = named(str(loc[-1])) if loc else "the file"
    if isinstance(loc[-1] if loc else "", int):
        name = f"{named(str(loc[-2]))} number {int(loc[-1]) + 1}"
    if kind == "extra_forbidden":
        known = _keys(model, loc[:-1])
        hint = suggestion(str(loc[-1]), known) or f"; known are {', '.join(sorted(known))}"
        return Problem(document.place(loc, key=True), f"unknown key {name}{hint}")
    if kind == "missing":
        return Problem(document.place(loc[:-1], key=True), f"missing key {name}{_in(loc[:-1])}")
    wanted = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    wanted = wanted[0].lower() + wanted[1:]
    if is_key:
        return Problem(document.place(loc, key=True), f"key {name}, expected {wanted}")
    value = plain(find(document.root, loc)[0])
    hint = suggestion(value, _choices(error)) if isinstance(value, str) else ""
    return Problem(document.place(loc), f"{name}, expected {wanted}, got {shown(value)}{hint}")


def _choices(error: ErrorDetails) -> list[str]:
    """The words that a setting takes, where it takes only some."""
    if error["type"] not in {"enum", "literal_error"}:
        return []
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))


def _in(loc: Loc) -> str:
    return f" in {named(str(loc[-1]))}" if loc and isinstance(loc[-1], str) else ""


def _keys(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the model knows at `loc`."""
    here: Any = model
    for step in loc:
        here = _bare(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            by_name = {f.alias or n: f.annotation for n, f in here.model_fields.items()}
            here = by_name.get(str(step))
        else:
            inner = [a for a in get_args(here) if a is not Ellipsis]
            here = inner[-1] if inner else None
    here = _bare(here)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return {f.alias or n for n, f in here.model_fields.items()}
    return set()


def _bare(annotation: Any) -> Any:
    """The type inside `Annotated` and `X | None`."""
    while get_origin(annotation) in {Annotated, Union, UnionType}:
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    return annotation
