"""Questions in SQL about exported Parquet files (extra `lake`: DuckDB), in memory; nothing else is opened or loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from twinvouch.core.errors import UsageError


def ask(paths: list[Path], sql: str) -> Iterator[dict[str, Any]]:
    """Rows of the answer by column name; the files are the view `history`. UsageError where SQL or file is none."""
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as base:
        try:
            base.execute("SET TimeZone = 'UTC'")
            base.read_parquet([str(path) for path in paths]).create_view("history")
            answer = base.execute(sql)
            names = [column[0] for column in answer.description or ()]
            while rows := answer.fetchmany(1_000):
                for row in rows:
                    yield dict(zip(names, row, strict=True))
        except duckdb.Error as error:
            raise UsageError(f"the question cannot be answered: {error}") from None
