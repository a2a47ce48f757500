"""One pass over the history as a process that is killed in the middle: `python -m twinvouch.app.bench.passing twin.yaml ROWS`.

As `twinvouch compact`, with chunks that are small enough for many to be written in a drill of minutes. It says `begins`
before it writes anything.
"""

import sys
from pathlib import Path

from twinvouch.app.compaction import compact
from twinvouch.app.config import load
from twinvouch.core.errors import TwinvouchError


def main(path: Path, worth_rows: int) -> int:
    """The exit code of a pass; 5 where another one holds the history."""
    config = load(path)
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    try:
        done = compact(config, lambda _: None, worth_rows)
    except TwinvouchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{done.chunks}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
