"""CSV records agree with the standard library and know where every cell begins."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.app.csv_records import MAX_LINE, records
from twinvouch.app.problems import InvalidConfigError

CELL = st.text(alphabet=st.sampled_from('ab ,;"\n\r.é1'), max_size=6)


def read(text: str, delimiter: str = ",") -> list[tuple[str, ...]]:
    return [r.cells for r in records(io.StringIO(text, newline=""), delimiter, "f")]


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=5), st.sampled_from([",", ";"]))
def test_what_the_standard_library_writes_is_read_back(
    rows: list[list[str]], delimiter: str
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    assert read(file.getvalue(), delimiter) == [tuple(r) for r in rows]


@given(st.text(alphabet=st.sampled_from('ab,"\n\r '), max_size=60))
def test_any_text_gives_records_or_a_place(text: str) -> None:
    try:
        found = list(records(io.StringIO(text, newline=""), ",", "f"))
    except InvalidConfigError:
        return
    lines = io.StringIO(text, newline="").readlines()
    for record in found:
        for number, cell in enumerate(record.cells):
            place = record.place("f", number)
            here = lines[place.line - 1][place.column - 1 :]
            assert here.startswith(
                (cell.partition("\n")[0].partition('"')[0].partition("\r")[0], '"')
            )


def test_places_with_and_without_quotes() -> None:
    found = list(records(io.StringIO('a,bb,c\n"x\ny",z\n'), ",", "f"))
    assert [str(found[0].place("f", n)) for n in range(4)] == ["f:1:1", "f:1:3", "f:1:6", "f:1:8"]
    assert [str(found[1].place("f", n)) for n in range(3)] == ["f:2:1", "f:3:4", "f:3:4"]
    assert found[1].cells == ("x\ny", "z")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,"b', "1:3: quote that does not close"),
        ('a,"b"c,d', "1:6: after a closing quote"),
        ("x" * (MAX_LINE + 1), "1:1: line is longer"),
        ('"' + "\n" * 1500, "1:1: quote that does not close"),
    ],
)
def test_limits_and_broken_quotes(text: str, words: str) -> None:
    with pytest.raises(InvalidConfigError, match=words):
        read(text)


def test_blank_lines_and_all_line_ends() -> None:
    assert read("a,b\r\n\r\nc,d\re,f\n  \n") == [("a", "b"), ("c", "d"), ("e", "f")]
