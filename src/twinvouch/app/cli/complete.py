"""What a shell may complete: names from the configuration, ids of commands from the core.

A completion is a convenience on every press of a key: it says nothing where the configuration or the core cannot be
used, waits for the core half a second at most, and offers only plain names, since a shell evaluates what it is given.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from twinvouch.app.config_model import Config

CORE_S = 0.5
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Names = Callable[["Config"], Iterable[tuple[str, str]]]  # name, and a word of help


def _from(names: Names) -> Complete:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [
            CompletionItem(name, help=help_)
            for name, help_ in _asked(ctx, names)
            if name.startswith(incomplete) and _PLAIN.fullmatch(name)
        ]

    return complete


def _asked(ctx: click.Context, names: Names) -> list[tuple[str, str]]:
    from twinvouch.app.config import load
    from twinvouch.core.errors import TwinvouchError

    given = ctx.params.get("config_path") or ctx.params.get("config") or "twin.yaml"
    try:
        return list(names(load(Path(str(given)))))
    except (TwinvouchError, OSError):
        return []


def _tags(config: "Config") -> Iterable[tuple[str, str]]:
    return [(name, tag.description or tag.unit) for name, tag in config.tags.items()]


def _principals(config: "Config") -> Iterable[tuple[str, str]]:
    return [(p.id, p.kind.value) for p in config.principals]


def _persons(config: "Config") -> Iterable[tuple[str, str]]:
    return [(name, kind) for name, kind in _principals(config) if kind == "person"]


def _edges(config: "Config") -> Iterable[tuple[str, str]]:
    return [(name, ", ".join(edge.groups)) for name, edge in config.edges.items()]


def _subjects(config: "Config") -> Iterable[tuple[str, str]]:
    return [*_tags(config), *((name, "edge") for name in config.edges)]


def _held(config: "Config") -> Iterable[tuple[str, str]]:
    """Commands that wait for persons, asked with the first token that lies here and may ask."""
    from twinvouch.app.client import Client, token_of
    from twinvouch.core.errors import NotPermittedError

    for file in sorted(config.keys_dir.glob("*.token")):
        client = Client(config, token_of(config, file.stem), timeout_s=CORE_S)
        try:
            rows = client.get("/commands", status="held", purpose="completion")
        except NotPermittedError:
            continue
        return [(row["id"], f"{row['tag']} = {row['value']:g}") for row in rows]
    return []


tags, principals, persons = _from(_tags), _from(_principals), _from(_persons)
edges, held_commands, subjects = _from(_edges), _from(_held), _from(_subjects)
