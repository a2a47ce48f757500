"""actuator.yaml: any text loads or is refused with places."""

import tempfile
from pathlib import Path

from tests.unit.app.test_actuator_config import GOOD
from twinvouch.app.actuator_config import load
from twinvouch.app.problems import InvalidConfigError

SEEDS = [GOOD.encode(), b"version: 1\n"]
PLACE = Path(tempfile.mkdtemp(prefix="fuzz-actuator-")) / "actuator.yaml"


def one(raw: bytes) -> None:
    """Load it; what loads has limits for every point."""
    PLACE.write_bytes(raw)
    try:
        config = load(PLACE)
    except InvalidConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.place.line >= 1
            assert problem.text.isprintable(), problem.text
        return
    assert len(config.limits.points) == len(config.points)
