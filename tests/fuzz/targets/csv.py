"""CSV of readings and tags: any text is records with true places, or refused."""

import io

from twinvouch.app.csv_records import records
from twinvouch.app.csv_table import number
from twinvouch.app.problems import InvalidConfigError

SEEDS = [b";time;level\n1;2026-01-01 00:00;1,5\n", b',a,"b ""c""\nd",e\r\n,1,,3\n', b'\t"open']


def one(raw: bytes) -> None:
    """The first byte is the delimiter."""
    if not raw:
        return
    delimiter = chr(raw[0]) if raw[0] < 128 and chr(raw[0]) not in '"\r\n' else ";"
    text = raw[1:].decode("utf-8", "replace")
    lines = text.count("\n") + text.count("\r") + 1
    try:
        for record in records(io.StringIO(text, newline=""), delimiter, "a.csv"):
            assert 1 <= record.line <= lines
            assert record.cells
            for at, cell in enumerate(record.cells):
                assert record.place("a.csv", at).column >= 1
                number(cell)
    except InvalidConfigError as error:
        assert error.problems
