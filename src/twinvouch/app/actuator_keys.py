"""Which permit keys count at the actuator: its own copy of the key list, under the root pinned in actuator.yaml.

The core cannot add a key, since it has no root key, and is not asked about one. The file is read again as soon as
it changes, so that a rotation or revocation needs no restart; where it cannot be read, or holds fewer statements
than were seen before, no permit counts at all.
"""

import base64
import logging
from dataclasses import replace
from pathlib import Path

from twinvouch.app import key_list
from twinvouch.app.actuator_check import OwnLimits
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import Plant
from twinvouch.core.keyring import Keyring

_log = logging.getLogger("twinvouch.actuator")


class PermitKeys:
    """The limits of an actuator with the keys as they stand in the file now."""

    def __init__(self, config: ActuatorConfig, directory: Path) -> None:
        self._limits = config.limits
        self._pin = b""
        if config.key_list is None:
            return
        self._pin = base64.b64decode(config.key_list.root)
        self._path = directory / config.key_list.file
        self._stamp: tuple[int, int, int] | None = None
        self._seen: frozenset[int] = frozenset()
        self._ring = self._read()  # at the start what does not fit ends the process

    def limits(self) -> OwnLimits:
        """What permits are checked against now."""
        if not self._pin:
            return self._limits
        stamp = self._stamp_of()
        if stamp != self._stamp:
            try:
                self._ring = self._read()
            except ConfigError as error:
                _log.error("no permit counts: %s", error)
                self._ring, self._stamp = self._empty(), stamp
        return replace(self._limits, ring=self._ring)

    def _read(self) -> Keyring:
        stamp = self._stamp_of()
        ring = key_list.ring(self._path, self._empty().plant, self._pin)
        if not self._seen <= ring.serials.keys():
            raise ConfigError(f"key list `{self._path}`: statements that were there are gone")
        self._seen, self._stamp = frozenset(ring.serials), stamp
        return ring

    def _stamp_of(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _empty(self) -> Keyring:
        """A ring that knows no key; the actuator knows no inventory but its own points."""
        plant = Plant(self._limits.plant, {}, {}, (), {}, {}, {}, {}, {})
        return Keyring(plant, self._pin)
