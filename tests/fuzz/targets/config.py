"""twin.yaml: any text loads or is refused with places, in words that can be shown on a terminal."""

from pathlib import Path

from tests.unit.app.plants import GOOD
from twinvouch.app.config import from_document
from twinvouch.app.inventory import plant
from twinvouch.app.problems import InvalidConfigError
from twinvouch.app.yaml_file import parse

NOWHERE = Path("/nonexistent/twin.yaml")
SEEDS = [
    GOOD.encode(),
    b"version: 1\nplant: {id: a}\n",
    b"a: &x [1, *x]\n",
    b'"\\UFFFFFFFF": !!x y\n',
]


def one(raw: bytes) -> None:
    """Load it; what loads makes an inventory."""
    try:
        config = from_document(parse(raw.decode("utf-8", "replace"), "twin.yaml"), NOWHERE)
    except InvalidConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.place.line >= 1
            assert problem.place.column >= 1
            assert problem.text.isprintable(), problem.text
        return
    plant(config)
