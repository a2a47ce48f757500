"""`tags_csv:` of twin.yaml: tags as rows of a CSV file, merged into `tags:` before validation.

Columns are `id` and the settings of a tag; `range` is the two columns `low` and `high`, an
actuator's settings are `actuator.class`, `actuator.min` and so on, those of MQTT `mqtt.topic` and so on, lists are separated by spaces.
An empty cell is a setting left out. Cells keep their places, so later problems name the CSV.
"""

import io
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from twinvouch.app.config_mqtt import MqttSettings
from twinvouch.app.config_tags import ActuatorSettings, TagSettings
from twinvouch.app.csv_records import Record, records
from twinvouch.app.literal_secrets import looks_secret
from twinvouch.app.problems import InvalidConfigError, Place, Problem, named
from twinvouch.app.yaml_file import Document, read_text, suggestion
from twinvouch.app.yaml_tree import Fields, Items, Node, Scalar, Value, resolve

MAX_BYTES = 64 * 1024 * 1024
_SECTIONS: dict[str, type[BaseModel]] = {"mqtt": MqttSettings, "actuator": ActuatorSettings}
_LISTS = {"actuator.controlled", "actuator.interlock_tags"}


def _names(model: type[BaseModel], prefix: str = "") -> dict[str, bool]:
    """Column names of a model's settings, and whether numbers are wanted there."""
    found = {}
    for name, setting in model.model_fields.items():
        kinds = {setting.annotation, *get_args(setting.annotation)}
        for part in get_args(setting.annotation):
            kinds |= set(get_args(part))
        found[prefix + (setting.alias or name)] = bool(kinds & {int, float})
    return found


def columns() -> dict[str, bool]:
    """Every column a tags CSV may have, and whether its cells are numbers."""
    tag = _names(TagSettings)
    del tag["range"]
    inner: dict[str, bool] = {}
    for section, model in _SECTIONS.items():
        del tag[section]
        inner |= _names(model, f"{section}.")
    return {"id": False, "low": True, "high": True, **tag, **inner}


def merge(document: Document, folder: Path) -> None:
    """Put the tags of the CSV named by `tags_csv` into the tree; notes problems in the document."""
    root = document.root
    assert isinstance(root, Fields)
    _, named_file = root.fields.get("tags_csv", (None, None))
    if not isinstance(named_file, Scalar) or not isinstance(named_file.value, str):
        return
    place, tags = root.fields.get("tags", (named_file.place, Fields(named_file.place)))
    if isinstance(tags, Scalar) and tags.value is None:
        tags = Fields(tags.place)
    if not isinstance(tags, Fields):
        return
    path = folder / named_file.value
    try:
        rows = Rows(str(path), read_text(path, MAX_BYTES))
    except InvalidConfigError as error:
        for problem in error.problems:
            text = f"tags_csv {named(named_file.value)}: {problem.text}"
            document.problems.append(Problem(named_file.place, text))
        return
    merged = Fields(tags.place, fields=dict(tags.fields))
    rows.into(merged)
    document.problems.extend(rows.problems)
    root.fields["tags"] = (place, merged)


class Rows:
    """The rows of one tags CSV as tree nodes."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.columns: list[str] = []
        self._known = columns()
        self._text = text

    def into(self, tags: Fields) -> None:
        """Add one tag a row to `tags`."""
        try:
            for record in records(io.StringIO(self._text, newline=""), ",", self.file):
                if not self.columns:
                    self._header(record)
                elif len(record.cells) != len(self.columns):
                    text = f"{len(record.cells)} cells, expected {len(self.columns)} as in line 1"
                    self._say(record.place(self.file, 0), text)
                else:
                    self._row(record, tags)
        except InvalidConfigError as error:
            self.problems.extend(error.problems)
        if not self.columns:
            self._say(Place(self.file, 1, 1), "no header, expected `id,group,...`")

    def _header(self, record: Record) -> None:
        self.columns = [c.strip() for c in record.cells]
        for number, name in enumerate(self.columns):
            place = record.place(self.file, number)
            if name not in self._known:
                hint = suggestion(name, self._known)
                hint = hint or f"; known are {', '.join(sorted(self._known))}"
                self._say(place, f"unknown column {named(name)}{hint}")
            elif name in self.columns[:number]:
                self._say(place, f"duplicate column {named(name)}")
        for name in ("id", "group"):
            if name not in self.columns:
                self._say(record.place(self.file, 0), f"missing column `{name}`")

    def _row(self, record: Record, tags: Fields) -> None:
        place = record.place(self.file, 0)
        cells = {
            name: (record.place(self.file, n), record.cells[n].strip())
            for n, name in enumerate(self.columns)
            if name in self._known and record.cells[n].strip()
        }
        where, tag_id = cells.pop("id", (place, ""))
        if not tag_id:
            self._say(where, "empty `id`")
        elif tag_id in tags.fields:
            first = tags.fields[tag_id][0]
            self._say(where, f"tag {named(tag_id)} is also in {first}")
        else:
            tags.fields[tag_id] = (where, self._tag(place, cells))

    def _tag(self, place: Place, cells: dict[str, tuple[Place, str]]) -> Fields:
        tag = Fields(place)
        sections = {name: Fields(place) for name in _SECTIONS}
        limits = [cells.pop(name, None) for name in ("low", "high")]
        if limits[0] is not None and limits[1] is not None:
            ends: list[Node] = [self._cell("low", *end) for end in limits if end is not None]
            tag.fields["range"] = (limits[0][0], Items(limits[0][0], items=ends))
        elif limits != [None, None]:
            self._say(place, "`low` and `high`, expected both or neither")
        for name, (where, text) in cells.items():
            section, _, key = name.rpartition(".")
            into = sections.get(section, tag)
            into.fields[key] = (where, self._cell(name, where, text))
        for section, inner in sections.items():
            if inner.fields:
                first = next(iter(inner.fields.values()))[0]
                tag.fields[section] = (first, inner)
        return tag

    def _cell(self, name: str, where: Place, text: str) -> Node:
        if name in _LISTS:
            return Items(where, items=[Scalar(where, part) for part in text.split()])
        value: Value = text
        if looks_secret(text):
            self._say(where, "looks like a secret, expected a reference to a file that holds it")
        elif not text.isprintable():
            self._say(where, "a character that cannot be printed")
        elif self._known[name]:
            value, trouble = resolve(text)
            if trouble:
                self._say(where, trouble)
        return Scalar(where, value)

    def _say(self, place: Place, text: str) -> None:
        self.problems.append(Problem(place, text))
