"""`corpus/NAME.hex`: the inputs of a target that reached something new, one a line in hex, sorted."""

from collections.abc import Iterable
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MOST_BYTES = 1024  # of one input that is kept
MOST_INPUTS = 150  # of one target


def names() -> list[str]:
    """All targets."""
    return sorted(p.stem for p in (CORPUS.parent / "targets").glob("*.py") if p.stem != "__init__")


def kept(name: str) -> list[bytes]:
    """The inputs kept of a target."""
    path = CORPUS / f"{name}.hex"
    return [bytes.fromhex(line) for line in path.read_text("ascii").split("\n")[:-1]]


def keep(name: str, inputs: Iterable[bytes]) -> int:
    """Write a target's corpus anew, the shortest inputs first to stay; says how many."""
    fitting = sorted(
        {raw for raw in inputs if len(raw) <= MOST_BYTES}, key=lambda raw: (len(raw), raw)
    )
    lines = sorted(raw.hex() + "\n" for raw in fitting[:MOST_INPUTS])
    (CORPUS / f"{name}.hex").write_text("".join(lines), "ascii")
    return len(lines)
