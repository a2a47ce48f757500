"""A learned model as a directory: `detector.json`, `detector.npz` (numbers, no pickle) and `report.json`.

What is read is refused as gate 2 would refuse it, before anything is unpacked.
"""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from twinvouch.adapters.model_files import refusal
from twinvouch.core.errors import ConfigError, MalformedError
from twinvouch.readings.detect import stored
from twinvouch.readings.detect.detector import Model
from twinvouch.readings.detect.learned import Learned
from twinvouch.wire.manifest import files_digest

PLAIN, ARRAYS, REPORT = "detector.json", "detector.npz", "report.json"
NAMES: Final = (PLAIN, ARRAYS, REPORT)
MANIFEST: Final = "manifest.cose"
_FORMAT: Final = ["twinvouch detector", 2]


def write(directory: Path, learned: Learned, report: Mapping[str, Any]) -> dict[str, bytes]:
    """Write the files into a directory and give their contents."""
    plain, arrays = stored.write(learned)
    packed = BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    files = {
        PLAIN: json.dumps({"format": _FORMAT, "learned": plain}, sort_keys=True).encode(),
        ARRAYS: packed.getvalue(),
        REPORT: json.dumps(report, indent=1).encode(),
    }
    directory.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (directory / name).write_bytes(raw)
    return files


def contents(directory: Path) -> dict[str, bytes]:
    """The files of a model; ConfigError where one cannot be read."""
    try:
        return {name: (directory / name).read_bytes() for name in NAMES}
    except OSError as error:
        raise ConfigError(
            f"model `{directory}`: {Path(error.filename).name}: {error.strerror}; `twinvouch learn` writes one"
        ) from None


def model(name: str, files: Mapping[str, bytes], where: Path) -> Model:
    """The model in these files; ConfigError where they hold none."""
    for file in NAMES:
        if why := refusal(file, files[file]):
            raise ConfigError(f"model `{where / file}`: {why}")
    try:
        plain = _plain(files[PLAIN])
        with np.load(BytesIO(files[ARRAYS]), allow_pickle=False) as packed:
            arrays = {key: packed[key] for key in packed.files}
        learned: Learned = stored.read(Learned, plain, arrays)
        stored.check(learned)
    except MalformedError as error:
        raise ConfigError(f"model `{where}`: {error}") from None
    return Model(name, files_digest(files), learned)


def _plain(raw: bytes) -> Any:
    document = json.loads(raw)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise MalformedError(f"expected format {_FORMAT}: learn it again with this version")
    return document.get("learned")
