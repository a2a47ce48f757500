"""`bench outage`: the plant, three edges of 50 tags each, and a device that remembers all it ever said."""

import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import yaml

from twinvouch.adapters.keys import FileSigner, generate

PLANT: Final = "outage"
ORIGIN: Final = f"{PLANT}/0"
READER: Final = "reader"
OFFLINE, STEADY, SMALL = "edge-offline", "edge-steady", "edge-small"
EDGES: Final = (OFFLINE, STEADY, SMALL)
TAGS: Final = 50
PERIOD_S: Final = 1.0
MAX_AGE_S: Final = 10.0


@dataclass(slots=True)
class Device:
    """50 registers that change with every read. `truth` has every answer: what history must hold, in order."""

    truth: list[tuple[int, ...]] = field(default_factory=list)

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        """The next row. Fits ports.Device."""
        assert (unit, table, address, count) == (1, "holding", 0, TAGS)
        number = len(self.truth)
        row = tuple(
            (7919 * number + 104_729 * k + number * number * k) % 65_536 for k in range(TAGS)
        )
        self.truth.append(row)
        return row

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        """An edge never writes."""
        raise AssertionError((unit, table, address, words))

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        """An edge never writes."""
        raise AssertionError((unit, address, keep, put))


def digest(rows: Iterator[Sequence[int]] | Sequence[Sequence[int]]) -> str:
    """SHA-256 over rows in order, two bytes a value."""
    whole = sha256()
    for row in rows:
        whole.update(b"".join(value.to_bytes(2, "big") for value in row))
    return whole.hexdigest()


def write(directory: Path, port: int) -> Path:
    """Keys, the reader's token and twin.yaml of a core on `port`; gives the path of the last."""
    keys = directory / "keys"
    keys.mkdir(mode=0o700, parents=True)
    public = {name: base64.b64encode(generate(keys / f"{name}.key")).decode() for name in EDGES}
    generate(keys / "log.key")
    token = os.urandom(24).hex()
    file = keys / f"{READER}.token"
    file.touch(mode=0o600)
    file.write_text(token + "\n", "ascii")
    said = {
        "version": 1,
        "plant": {"id": PLANT, "origin": "live"},
        "assets": {_asset(edge): {} for edge in EDGES},
        "devices": {f"plc-{edge}": {"host": "127.0.0.1", "port": 502} for edge in EDGES},
        "groups": {
            f"of-{edge}": {"edge": edge, "period_s": PERIOD_S, "max_age_s": MAX_AGE_S}
            for edge in EDGES
        },
        "tags": {f"{_asset(edge)}/t{k:02}": _tag(edge, k) for edge in EDGES for k in range(TAGS)},
        "edges": {edge: {"groups": [f"of-{edge}"], "core": _url(port)} for edge in EDGES},
        "principals": [
            *({"id": edge, "kind": "edge", "key": public[edge]} for edge in EDGES),
            {
                "id": READER,
                "kind": "person",
                "roles": ["operator"],
                "token_sha256": sha256(token.encode()).hexdigest(),
            },
        ],
        "api": {"port": port},
    }
    path = directory / "twin.yaml"
    path.write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")
    return path


def signer(directory: Path, name: str) -> FileSigner:
    """The key of an edge, or the log's."""
    return FileSigner(directory / "keys" / f"{name}.key")


def _asset(edge: str) -> str:
    return f"unit-{edge.removeprefix('edge-')}"


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _tag(edge: str, k: int) -> dict[str, object]:
    return {
        "unit": "m",
        "range": [0, 65_535],
        "group": f"of-{edge}",
        "dtype": "u2",
        "device": f"plc-{edge}",
        "table": "holding",
        "address": k,
        "encoding": "u16",
    }
