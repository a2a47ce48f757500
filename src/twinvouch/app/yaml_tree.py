"""YAML text -> a tree that knows its places; nothing is constructed but text, numbers and true/false.

Always true: the tree comes from the event stream of PyYAML's SafeLoader, so no object of any type can be built
and depth, aliases and size are limited while reading. Where YAML 1.1 and 1.2 read one text in
two ways (`no`, `010`, `1:30`, `1_000`) it is refused instead of guessed. Duplicate keys, merge
keys, explicit tags, second documents and numbers that are not finite are refused.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from twinvouch.app.literal_secrets import looks_raw, looks_secret
from twinvouch.app.problems import Place, Problem, named, shown

MAX_DEPTH = 32
MAX_ALIASES = 1_000
MAX_NODES = 1_000_000  # with every alias written out
MAX_PROBLEMS = 1_000
MAX_INT = 2**63 - 1

Value: TypeAlias = "str | int | float | bool | None"


@dataclass(slots=True)
class Scalar:
    """One value. `start..end` is its extent in the text."""

    place: Place
    value: Value
    start: int = 0
    end: int = 0
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class Items:
    """A list. `size` counts the nodes below with aliases written out, `depth` the levels."""

    place: Place
    start: int = 0
    end: int = 0
    flow: bool = False
    items: "list[Node]" = field(default_factory=list)
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class Fields:
    """A mapping: key -> (the place of the key, its value)."""

    place: Place
    start: int = 0
    end: int = 0
    flow: bool = False
    fields: "dict[str, tuple[Place, Node]]" = field(default_factory=dict)
    size: int = 1
    depth: int = 1


Node: TypeAlias = Scalar | Items | Fields
Loc: TypeAlias = tuple[str | int, ...]


def plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars, aliases written out."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [plain(n) for n in node.items]
    return {key: plain(value) for key, (_, value) in node.fields.items()}


def find(root: Node, loc: Loc) -> tuple[Node, Place]:
    """The deepest node on the way `loc` that exists, and the place of its key."""
    node, place = root, root.place
    for step in loc:
        if isinstance(node, Fields) and isinstance(step, str) and step in node.fields:
            place, node = node.fields[step]
        elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            break
    return node, place


@dataclass(slots=True)
class _Open:
    """A collection that is being read; `key` is the key whose value comes next."""

    node: Items | Fields
    anchor: str | None
    key: tuple[str, Place] | None = None
    keyless: bool = False  # the key was unusable: its value is read and dropped


class TreeReader:
    """Reads one document; `problems` holds what was wrong, `root` what could be read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None: still open
        self._nodes = 0
        self._aliases = 0
        self._documents = 0

    def read(self, text: str) -> None:
        """Read `text` to the end, or to the first error after which nothing makes sense."""
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                self._take(event)
                if len(self.problems) > MAX_PROBLEMS or self._too_much(event):
                    return
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = self._at(mark) if mark is not None else Place(self.file, 1, 1)
            context = f" {error.context}" if error.context else ""
            self._say(where, f"not YAML:{context}, {error.problem}".replace(":,", ":"))
        except yaml.reader.ReaderError as error:
            self._say(_place_of(self.file, text, error.position), "not YAML: a control character")
        except (
            ValueError,
            OverflowError,
        ) as error:  # an escape such as "\\UFFFFFFFF" that names no character
            where = self._open[-1].node.place if self._open else Place(self.file, 1, 1)
            self._say(where, f"not YAML: {error}, in what follows")

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents == 2:
                self._say(self._at(event.start_mark), "a second document, expected one (no `---`)")
        elif self._documents > 1:
            return
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._untagged(event)
            self._add(self._scalar(event), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(event)

    def _too_much(self, event: yaml.Event) -> bool:
        """Say and stop where a limit is passed."""
        where = self._at(event.start_mark)
        if len(self._open) > MAX_DEPTH:
            self._say(where, f"nested deeper than {MAX_DEPTH} levels")
        elif self._aliases > MAX_ALIASES:
            self._say(where, f"more than {MAX_ALIASES} aliases")
        elif self._nodes > MAX_NODES:
            self._say(where, f"more than {MAX_NODES} values when every alias is written out")
        else:
            return False
        self._anchors.clear()
        return True

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._aliases += 1
        name = event.anchor or ""
        node = self._anchors.get(name)
        where = self._at(event.start_mark)
        if node is None:
            inside = name in self._anchors
            why = "stands inside what it names" if inside else "names nothing before it"
            self._say(where, f"alias {named(name)} {why}")
            node = Scalar(where, None)
        elif len(self._open) + node.depth > MAX_DEPTH:
            self._say(where, f"nested deeper than {MAX_DEPTH} levels by an alias")
            node = Scalar(where, None)
        self._nodes += node.size
        if self._nodes <= MAX_NODES:
            self._add(node, None)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        self._untagged(event)
        kind = Items if isinstance(event, yaml.SequenceStartEvent) else Fields
        place = self._at(event.start_mark)
        node = kind(place, _index(event.start_mark), flow=bool(event.flow_style))
        self._nodes += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, event.anchor))

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        done = self._open.pop()
        done.node.end = _index(event.end_mark)
        self._add(done.node, done.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        """Put a finished node where it belongs: under the open collection, or as the root."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        if isinstance(top.node, Items):
            top.node.items.append(node)
        elif top.key is None and not top.keyless:
            self._key(top, node)
            return
        else:
            if top.key is not None:
                top.node.fields[top.key[0]] = (top.key[1], node)
            top.key, top.keyless = None, False
        top.node.size += node.size
        top.node.depth = max(top.node.depth, node.depth + 1)

    def _key(self, top: _Open, node: Node) -> None:
        """Take `node` as the key of what follows; an unusable key drops its value."""
        assert isinstance(top.node, Fields)
        top.keyless = True
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            got = shown(plain(node)) if isinstance(node, Scalar) else "a collection"
            self._say(node.place, f"key, expected text, got {got}; put it in quotes")
        elif node.value == "<<":
            self._say(node.place, "merge key `<<` is not read; write the fields out")
        elif node.value in top.node.fields:
            first = top.node.fields[node.value][0]
            self._say(node.place, f"duplicate key {named(node.value)}, first on line {first.line}")
        else:
            top.key, top.keyless = (node.value, node.place), False

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        self._nodes += 1
        where = self._at(event.start_mark)
        text: str = event.value
        value: Value = text
        key = self._open[-1].key if self._open else None
        if looks_secret(text) or looks_raw(key[0] if key is not None else "", text):
            self._say(where, "looks like a secret, expected a reference to a file that holds it")
        elif any((c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" for c in text):
            self._say(where, f"control character in {shown(text)}")
        elif any("\ud800" <= c <= "\udfff" for c in text):
            self._say(where, f"half a character in {shown(text)}")
        elif event.implicit[0]:  # plain: not in quotes
            value, trouble = resolve(text)
            if trouble:
                self._say(where, trouble)
        return Scalar(where, value, _index(event.start_mark), _index(event.end_mark))

    def _untagged(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._say(self._at(event.start_mark), f"type tag {shown(tag)}, expected none")

    def _at(self, mark: Any) -> Place:  # a mark of either of PyYAML's two parsers
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _say(self, place: Place, text: str) -> None:
        self.problems.append(Problem(place, text))


_WORDS: dict[str, Value] = {"": None, "~": None}
_WORDS |= {w: v for k, v in (("null", None), ("true", True), ("false", False))
           for w in (k, k.title(), k.upper())}  # fmt: skip
_TRAPS = {
    word: truth
    for key, truth in (("yes", "true"), ("no", "false"), ("on", "true"), ("off", "false"))
    for word in (key, key.title(), key.upper())
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+|0o[0-7]+|[-+]?0b[01_]+|[-+]?0x[0-9a-fA-F_]+")
_CLOCK = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_UNDERSCORE = re.compile(
    r"(?=.*_)(?:[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9_]+)"
)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TROUBLE = (
    (_LEADING_ZERO, "has two meanings, expected a number without leading zeros, or quotes"),
    (_CLOCK, "has two meanings, expected a number of seconds, or quotes"),
    (_UNDERSCORE, "has two meanings, expected no underscores, or quotes"),
    (_NOT_FINITE, "is not finite, expected a finite number"),
)


def resolve(text: str) -> tuple[Value, str]:
    """What an unquoted text means, and what is wrong with it ("" where nothing is)."""
    if text in _WORDS:
        return _WORDS[text], ""
    if text in _TRAPS:
        return text, f"{shown(text)} has two meanings, expected {_TRAPS[text]}, or quotes around it"
    if not text or text[0] not in "+-.0123456789":
        return text, ""
    return _number(text)


def _number(text: str) -> tuple[Value, str]:
    """What a text that begins like a number means; a text of any other form is a text."""
    if len(text) > 400:
        return text, f"{len(text)} characters that begin like a number, expected quotes around it"
    if _INT.fullmatch(text):
        whole = int(text, 0)
        return whole, "" if abs(whole) <= MAX_INT else f"{shown(whole)}, expected at most {MAX_INT}"
    trouble = next((why for form, why in _TROUBLE if form.fullmatch(text)), "")
    if trouble or not _FLOAT.fullmatch(text):
        return text, f"{shown(text)} {trouble}" if trouble else ""
    number = float(text)
    return number, "" if math.isfinite(number) else f"{shown(text)}, expected a finite number"


def _index(mark: Any) -> int:
    return int(mark.index)


def _place_of(file: str, text: str, index: int) -> Place:
    before = text[:index]
    return Place(file, before.count("\n") + 1, index - before.rfind("\n"))
