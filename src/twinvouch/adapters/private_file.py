"""Which permission bits a file with a secret may not have."""

import os
import stat
from pathlib import Path

_GROUP_WRITES = stat.S_IWGRP | stat.S_IXGRP


def forbidden_bits(path: Path) -> int:
    """All bits of group and others, for a file that only its owner may read.

    systemd hands credentials over by an access list, whose mask shows in the group's bits: below
    `CREDENTIALS_DIRECTORY` the group may seem to read.
    """
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given and path.resolve().is_relative_to(Path(given).resolve()):
        return stat.S_IRWXO | _GROUP_WRITES
    return stat.S_IRWXO | stat.S_IRWXG
