"""The files of a ledger directory: their paths, all versions of one tile, and what is not covered."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WIDTH = 256
HASH = 32
BUNDLE_MAX = WIDTH * (2 + 0xFFFF)
TILE_FILE = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Version:
    """One file of a tile or bundle: the full one (width 256) or a partial one."""

    path: str
    width: int
    raw: bytes


def tile_path(level: str, number: int, width: int = WIDTH) -> str:
    """`tile/<level>/x001/234` or `tile/<level>/x001/234.p/<width>`."""
    digits = f"{number % 1000:03d}"
    while number := number // 1000:
        digits = f"x{number % 1000:03d}/{digits}"
    return f"tile/{level}/{digits}" + ("" if width == WIDTH else f".p/{width}")


class Files:
    """Reads a ledger directory and counts what it read; never more than a file may hold."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.count = 0

    def read(self, path: str, limit: int = BUNDLE_MAX) -> bytes | None:
        """The file's bytes (at most one more than `limit`), None where it is missing."""
        try:
            with (self.directory / path).open("rb") as file:
                raw = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        self.count += 1
        return raw

    def versions(self, level: str, number: int, width: int) -> list[Version]:
        """Every file of one tile, first that of `width` or the full one; none where both are missing."""
        widths = {WIDTH, width, *self._partial_widths(f"{tile_path(level, number)}.p")}
        found = []
        for each in sorted(widths, key=lambda w: (w != width, w != WIDTH, w)):
            path = tile_path(level, number, each)
            if (raw := self.read(path)) is not None:
                found.append(Version(path, each, raw))
        return found if found and found[0].width in {width, WIDTH} else []

    def entries(self) -> int:
        """How many entries the bundles hold, going by their names."""
        ends = [end for _, level, end in self._walk() if level == "entries"]
        return max(ends, default=0)

    def beyond(self, size: int) -> list[str]:
        """Files under `tile` that a checkpoint of `size` entries does not cover, sorted."""
        found = []
        for path, level, end in self._walk():
            depth = 0 if level in {"entries", ""} else int(level)
            if not level or end > size >> 8 * depth:
                found.append(path)
        return sorted(found)

    def _partial_widths(self, folder: str) -> list[int]:
        try:
            names = [path.name for path in (self.directory / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [int(name) for name in names if re.fullmatch(r"[1-9][0-9]{0,2}", name)]

    def _walk(self) -> Iterator[tuple[str, str, int]]:
        """(path, level, end of the hashes or entries it holds); level "" for any other file."""
        for folder, _, names in os.walk(self.directory / "tile"):
            for name in names:
                path = Path(folder, name).relative_to(self.directory).as_posix()
                match = TILE_FILE.fullmatch(path)
                if match is None:
                    yield path, "", 0
                    continue
                level, digits, width = match.groups()
                number = int(digits.replace("x", "").replace("/", ""))
                yield path, level, number * WIDTH + int(width or WIDTH)
