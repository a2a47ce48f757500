"""The configured model: read, tied to the plant's tags, and handed to gate 2 as anybody would hand it in."""

from pathlib import Path

from twinvouch.adapters import detector_files, model_files
from twinvouch.app.config_model import Config
from twinvouch.core.errors import ConfigError, MalformedError
from twinvouch.core.event import ModelSubmitted
from twinvouch.core.inventory import Plant
from twinvouch.readings.detect.detector import Detector
from twinvouch.wire.cose import unseal
from twinvouch.wire.manifest import Manifest, read_manifest


def detector(config: Config, plant: Plant) -> Detector | None:
    """The detector of `detection.model`; None where none is configured. Raises ConfigError for what is no model."""
    directory = _directory(config)
    if directory is None or config.detection is None:
        return None
    files = detector_files.contents(directory)
    named = _manifest(directory, config.plant.id).model
    model = detector_files.model(named, files, directory)
    return Detector(model, plant, config.detection.adapt_per_day)


def submission(config: Config, salt: bytes) -> ModelSubmitted:
    """The event by which gate 2 judges the configured model."""
    directory = _directory(config)
    assert directory is not None
    judged = model_files.examine(detector_files.contents(directory))
    return ModelSubmitted(salt, "configuration", _sealed(directory), judged)


def _directory(config: Config) -> Path | None:
    return None if config.detection is None else config.path.parent / config.detection.model


def _manifest(directory: Path, plant: str) -> Manifest:
    """What the manifest says, believed by nobody before gate 2 has looked at its signature."""
    try:
        return read_manifest(unseal(_sealed(directory)).content, plant)
    except MalformedError as error:
        raise ConfigError(f"model `{directory / detector_files.MANIFEST}`: {error}") from None


def _sealed(directory: Path) -> bytes:
    try:
        return (directory / detector_files.MANIFEST).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"model `{directory / detector_files.MANIFEST}`: {error.strerror}; sign the model: `twinvouch learn --signer "
            "PERSON`, or `twinvouch models sign`"
        ) from None
