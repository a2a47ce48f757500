"""`twinvouch principals add`: a key, perhaps a token, and the entry in the text of twin.yaml.

The text is edited where the entry belongs, so comments and order stay. Before anything is written
the new text is loaded: it must be the old configuration with exactly the new principal, or nothing happens.
"""

import base64
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from twinvouch.adapters.known_secrets import remember
from twinvouch.app.config import from_document
from twinvouch.app.config_model import Config, PrincipalSettings
from twinvouch.app.literal_secrets import TOKEN_PREFIX
from twinvouch.app.problems import InvalidConfigError, named, shown
from twinvouch.app.replace_text import replace_text
from twinvouch.app.yaml_file import Document, open_document, parse
from twinvouch.app.yaml_tree import Fields, Items, Node, Scalar
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.inventory import PrincipalKind, Role, key_id

Generate = Callable[[Path], bytes]  # makes a private key file and returns the raw public key


@dataclass(frozen=True, slots=True)
class Wanted:
    """The principal to add; `with_token` gives it an API token too."""

    id: str
    kind: PrincipalKind
    roles: tuple[Role, ...] = ()
    with_token: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """What was made: the public key, and where the secrets lie."""

    entry: PrincipalSettings
    key_file: Path
    token_file: Path | None

    @property
    def key_id(self) -> str:
        """The key id in hex, as in signatures."""
        return key_id(base64.b64decode(self.entry.key or "")).hex()


def add(path: Path, wanted: Wanted, generate: Generate) -> Added:
    """Make the secrets in the keys directory (0600) and enter their public halves in the file.

    An entry that is there without a key gets one, without a token gets one if it is wanted; a key
    or token that is there is never changed. Raises UsageError or ConfigError; then no file was changed and no secret is left behind.
    """
    try:
        PrincipalSettings(id=wanted.id, kind=wanted.kind)
    except ValidationError as error:
        raise UsageError(f"ID {shown(wanted.id)}: {error.errors()[0]['msg']}") from None
    path = path.resolve()
    document = open_document(path)
    config = from_document(document, path)
    known = next((p for p in config.principals if p.id == wanted.id), None)
    _compatible(path, known, wanted)
    key_file = config.keys_dir / f"{wanted.id}.key"
    token_file = config.keys_dir / f"{wanted.id}.token" if wanted.with_token else None
    made = _Made()
    try:
        _keys_directory(config.keys_dir)
        key = known.key if known is not None else None
        if key is None:
            key = base64.b64encode(made.key(key_file, generate)).decode()
        token_hash = made.token(token_file) if token_file is not None else None
        entry = PrincipalSettings(
            id=wanted.id,
            kind=wanted.kind,
            key=key,
            roles=(known.roles if known is not None else ()) or wanted.roles,
            token_sha256=token_hash or (known.token_sha256 if known is not None else None),
        )
        _enter(document, config, known, entry)
    except BaseException:
        made.undo()
        raise
    return Added(entry, key_file, token_file)


def _compatible(path: Path, known: PrincipalSettings | None, wanted: Wanted) -> None:
    if known is None:
        return
    if known.key is not None and not wanted.with_token:
        raise UsageError(
            f"principal {named(wanted.id)} is in {path} and has a key: nothing changed"
            f"{'' if known.token_sha256 else '; for a token add --token'}"
        )
    if known.kind is not wanted.kind:
        raise UsageError(f"principal {named(wanted.id)} is in {path} as {known.kind}")
    if wanted.roles and known.roles and set(known.roles) != set(wanted.roles):
        raise UsageError(f"principal {named(wanted.id)} is in {path} with other roles")
    if wanted.with_token and known.token_sha256 is not None:
        raise UsageError(f"principal {named(wanted.id)} is in {path} and has a token")


class _Made:
    """The secret files made so far, to be removed where the rest fails."""

    def __init__(self) -> None:
        self._files: list[Path] = []

    def key(self, path: Path, generate: Generate) -> bytes:
        """A new key file; its public key."""
        public = generate(path)
        self._files.append(path)
        return public

    def token(self, path: Path) -> str:
        """A new token file; the SHA-256 of the token in hex."""
        token = remember(TOKEN_PREFIX + secrets.token_urlsafe(32))
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise UsageError(f"token file `{path}` exists: it is never overwritten") from None
        self._files.append(path)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        return sha256(token.encode()).hexdigest()

    def undo(self) -> None:
        """Remove what was made: nothing refers to it."""
        for path in self._files:
            path.unlink(missing_ok=True)


def _keys_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"keys directory `{path}`: {error.strerror}") from None


def _enter(
    document: Document, config: Config, known: PrincipalSettings | None, entry: PrincipalSettings
) -> None:
    """Write the file with the entry in it, after the new text was loaded and compared."""
    path = config.path
    number = len(config.principals) if known is None else config.principals.index(known)
    expected = [p for p in config.principals if p is not known]
    expected.insert(number, entry)
    text = edited(document, known, entry)
    try:
        changed = from_document(parse(text, str(path)), path)
        same = changed.model_dump(exclude={"principals"}) == config.model_dump(
            exclude={"principals"}
        )
        fits = same and list(changed.principals) == expected
    except InvalidConfigError:
        fits = False
    if not fits:
        line = f"- {_flow(entry)}"
        raise ConfigError(
            f"{path}: cannot be edited safely; enter under `principals:` yourself: {line}"
        )
    replace_text(path, document.text, text)


def edited(document: Document, known: PrincipalSettings | None, entry: PrincipalSettings) -> str:
    """The text with the entry in it; only a load of it shows whether the editing went well."""
    assert isinstance(document.root, Fields)
    text = document.text
    line_end = "\r\n" if "\r\n" in text else "\n"
    _, node = document.root.fields.get("principals", (None, None))
    if known is not None and isinstance(node, Items):
        old = next(n for n in node.items if _id_of(n) == known.id)
        assert isinstance(old, Fields)
        return _completed(text, old, known, entry, line_end)
    if isinstance(node, Items) and node.items and node.flow:
        at = node.items[-1].end
        return f"{text[:at]}, {_flow(entry)}{text[at:]}"
    if isinstance(node, Items) and node.items:
        return _after_line(text, _last_end(node), _block(entry, node.place.column - 1), line_end)
    if node is not None:  # an empty list, or nothing at all
        text = text[: node.start] + text[node.end :]
        return _after_line(text, node.start, _block(entry, 2), line_end)
    return _after_line(text, len(text), ["principals:", *_block(entry, 2)], line_end)


def _completed(
    text: str, old: Fields, known: PrincipalSettings, entry: PrincipalSettings, line_end: str
) -> str:
    """The text with an entry's missing keys right after its `id`."""
    fresh = [f for f in _fields(entry) if f[0] not in dict(_fields(known))]
    place, node = old.fields["id"]
    if old.flow:
        return text[: node.end] + "".join(f", {k}: {v}" for k, v in fresh) + text[node.end :]
    indent = " " * (place.column - 1)
    return _after_line(text, node.end, [f"{indent}{k}: {v}" for k, v in fresh], line_end)


def _after_line(text: str, at: int, lines: Sequence[str], line_end: str) -> str:
    """The text with lines put in after the line that `at` stands in."""
    end = text.find("\n", at)
    head, tail = (text, "") if end < 0 else (text[: end + 1], text[end + 1 :])
    if head and not head.endswith("\n"):
        head += line_end
    return head + "".join(line + line_end for line in lines) + tail


def _last_end(node: Node) -> int:
    """Where the last scalar of a node ends: a block's own end lies behind the comments after it."""
    if isinstance(node, Scalar) or node.flow:
        return node.end
    below = node.items if isinstance(node, Items) else [n for _, n in node.fields.values()]
    return max((_last_end(n) for n in below), default=node.end)


def _id_of(node: Node) -> object:
    if isinstance(node, Fields) and "id" in node.fields:
        value = node.fields["id"][1]
        return value.value if isinstance(value, Scalar) else None
    return None


def _fields(entry: PrincipalSettings) -> list[tuple[str, str]]:
    """The entry's keys and values as YAML, what is empty left out."""
    found = [("id", f'"{entry.id}"'), ("kind", entry.kind.value)]
    if entry.key is not None:
        found.append(("key", f'"{entry.key}"'))
    if entry.roles:
        found.append(("roles", f"[{', '.join(r.value for r in entry.roles)}]"))
    if entry.token_sha256 is not None:
        found.append(("token_sha256", f'"{entry.token_sha256}"'))
    return found


def _block(entry: PrincipalSettings, indent: int) -> list[str]:
    lead = " " * indent
    return [
        f"{lead}{'- ' if number == 0 else '  '}{key}: {value}"
        for number, (key, value) in enumerate(_fields(entry))
    ]


def _flow(entry: PrincipalSettings) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in _fields(entry)) + "}"
