"""Files are read with limits; models say what is wrong at its place; the digest knows values only."""

import os
from pathlib import Path
from typing import Literal

import pytest

from twinvouch.app.config_types import Frozen
from twinvouch.app.problems import InvalidConfigError, Place, Problem, named, shown
from twinvouch.app.yaml_file import MAX_BYTES, digest, parse, read, validate


class Inner(Frozen):
    """A mapping below."""

    size: int
    names: tuple[str, ...] = ()


class Model(Frozen):
    """A small model."""

    version: Literal[1]
    rate: float = 1.0
    inner: dict[str, Inner] = {}  # noqa: RUF012 - pydantic copies it
    list_: tuple[Inner, ...] = ()
    maybe: Inner | None = None


def told(text: str) -> list[str]:
    try:
        validate(parse(text, "f"), Model)
    except InvalidConfigError as error:
        return [str(p).removeprefix("f:") for p in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\nrat: 2\n", "2:1: unknown key `rat`, did you mean `rate`?"),
        ("version: 1\ninner:\n  a: {sise: 2, size: 1}\n", "3:7: unknown key `sise`, did you mean `size`?"),
        ("version: 1\nmaybe: {qqq: 1, size: 1}\n", "2:9: unknown key `qqq`; known are names, size"),
        ("version: 1\nlist_: [{}]\n", "2:9: missing key `size`"),
        ("version: 1\ninner: {a: {}}\n", "2:9: missing key `size` in `a`"),
        ("rate: 1\n", "1:1: missing key `version`"),
        ("version: 2\n", "1:10: `version`, expected 1, got 2"),
        ("version: 1\nrate: '2'\n", "2:7: `rate`, expected a valid number, got '2'"),
        ("version: 1\nrate: true\n", "2:7: `rate`, expected a valid number, got true"),
        ("version: 1\nmaybe: {size: 1.5}\n", "2:15: `size`, expected a valid integer, got 1.5"),
        ("version: 1\nmaybe: {size: 1, names: [a, 5]}\n", "2:29: `names` number 2, expected a valid string, got 5"),
        ("version: 1\nmaybe: {size: 1, names: 2026-01-31}\n", "2:25: `names`, expected a valid array, got '2026-01-31'"),
        ("version: 1\ninner: [1]\n", "2:8: `inner`, expected an object, got [1]"),
    ],
)  # fmt: skip
def test_what_a_model_refuses_is_told_in_our_words(text: str, words: str) -> None:
    assert told(text) == [words]


def test_parse_and_model_problems_are_told_together_and_not_twice() -> None:
    assert told("version: 1\nrate: no\nrate: 2\nmaybe: {size: x}\nzzz: 1\n") == [
        "2:7: 'no' has two meanings, expected false, or quotes around it",
        "3:1: duplicate key `rate`, first on line 2",
        "4:15: `size`, expected a valid integer, got 'x'",
        "5:1: unknown key `zzz`; known are inner, list_, maybe, rate, version",
    ]


def test_empty_sections_count_as_left_out() -> None:
    assert validate(parse("version: 1\ninner:\nrate:\n", "f"), Model) == Model(version=1)


def test_the_digest_sees_values_not_writing(tmp_path: Path) -> None:
    path = tmp_path / "f"
    digests = []
    for text in (
        "version: 1\nrate: 2.0\ninner: {a: {size: 1}, b: {size: 2}}\n",
        "# comment\ninner:\n  b:\n    size: 0x2\n  a: {size: 1, names: []}\nrate: 2\nversion: 1\n",
        "version: 1\nrate: 2.5\ninner: {a: {size: 1}, b: {size: 2}}\n",
    ):
        path.write_text(text)
        model, seen = read(path, Model)
        assert seen == digest(model)
        digests.append(seen)
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"#" * (MAX_BYTES + 1))
    latin = tmp_path / "latin"
    latin.write_bytes("version: 1\nrate: 1 # caf\xe9".encode("latin-1"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, words in (
        (tmp_path / "none", ":1:1: no such file"),
        (tmp_path, "expected a regular file"),
        (pipe, "expected a regular file"),
        (big, "larger than the limit"),
        (latin, ":2:14: not UTF-8 text"),
        (Path("\0"), "cannot be read"),
    ):
        with pytest.raises(InvalidConfigError, match=words):
            read(path, Model)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read(path, Model)[0] == Model(version=1)


def test_what_is_shown_is_short_printable_and_no_secret() -> None:
    assert shown("a\x1b[31m\u202e") == "'a\\x1b[31m\\u202e'"
    assert len(shown("x" * 1000)) < 80
    assert "tvt_" not in shown("tvt_" + "a" * 40)
    assert "PRIVATE" not in named("-----BEGIN PRIVATE KEY-----")
    assert shown([1, [2]]) == "a list of 2"


def test_many_problems_are_cut_and_counted() -> None:
    error = InvalidConfigError(Problem(Place("f", n, 1), "x") for n in range(1, 100))
    assert str(error).splitlines()[-1] == "... and 49 more"
    assert len(error.problems) == 99
