"""YAML text becomes a tree with places; what has two meanings or no limit is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.app.problems import InvalidConfigError
from twinvouch.app.yaml_file import parse
from twinvouch.app.yaml_tree import MAX_DEPTH, Fields, TreeReader, find, plain, resolve


def told(text: str) -> list[str]:
    """Problems as `line:column: words`."""
    reader = TreeReader("t")
    reader.read(text)
    return [str(p).removeprefix("t:") for p in sorted(reader.problems)]


def data(text: str) -> object:
    document = parse(text, "t")
    document.refuse()
    return plain(document.root)


def test_plain_values_are_text_numbers_and_truth() -> None:
    text = "a: 1\nb: -2.5\nc: true\nd: ~\ne: text\nf: '1'\ng: 0x1F\nh: 1e3\ni: .5\nj: 2026-01-31\nk: +7\n"
    assert data(text) == {
        "a": 1, "b": -2.5, "c": True, "d": None, "e": "text", "f": "1", "g": 31, "h": 1000.0,
        "i": 0.5, "j": "2026-01-31", "k": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    "word",
    ["no", "On", "YES", "010", "-07", "0o17", "0b11", "1:30", "190:20:30.5", "1_000", "6_8.5", ".inf", "-.INF",
     ".nan", "1e999", "9" * 30, "9" * 500, "0x_1F"],
)  # fmt: skip
def test_what_two_yaml_versions_read_differently_is_refused(word: str) -> None:
    assert len(told(f"a: {word}")) == 1
    assert told(f"a: '{word}'") == []


@pytest.mark.parametrize(
    "word", ["none", "nope", "1.2.3.4", "127.0.0.1", "1e", "0x", "-x", ".", "10m", "1.5.", "12:99"]
)
def test_texts_that_only_begin_like_numbers_stay_texts(word: str) -> None:
    assert data(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: duplicate key `a`, first on line 1"),
        ("a: {x: 1, x: 2}\n", "1:11: duplicate key `x`, first on line 1"),
        ("d: &d {x: 1}\na: {<<: *d}\n", "2:5: merge key `<<` is not read; write the fields out"),
        ("a: !!python/object:os.system x\n", "1:4: type tag 'tag:yaml.org,2002:python/object:os.system', expected none"),
        ("a: !x [1]\n", "1:4: type tag '!x', expected none"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document, expected one (no `---`)"),
        ("5: x\n", "1:1: key, expected text, got 5; put it in quotes"),
        ("[a]: x\n", "1:1: key, expected text, got a collection; put it in quotes"),
        ("a: *x\n", "1:4: alias `x` names nothing before it"),
        ("a: &x [*x]\n", "1:8: alias `x` stands inside what it names"),
        ('a: "\\u0007"\n', "1:4: control character in '\\x07'"),
        ('a: "\\ud800"\n', "1:4: half a character in '\\ud800'"),
    ],
)  # fmt: skip
def test_problems_have_their_place(text: str, words: str) -> None:
    assert words in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1,\n",
        "a: 'x\n",
        "\ta: 1\n",
        "a: b: c\n",
        "a: |\n  x\n y\n",
        "@a",
        "a: \x01",
        '"\\UFFFFFFFF"',
        "%YAML 1e9",
    ],
)
def test_what_is_not_yaml_says_where(text: str) -> None:
    assert any("not YAML" in words for words in told(text))


def test_several_problems_are_told_at_once() -> None:
    assert [w.split(": ")[0] for w in told("a: no\nb: 010\na: !x 1\nc: *q\n")] == [
        "1:4",
        "2:4",
        "3:1",
        "3:4",
        "4:4",
    ]


def test_alias_bombs_are_refused_early() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert any("when every alias is written out" in words for words in told("\n".join(lines)))
    assert any("aliases" in words for words in told("a: &a 1\nb: [" + "*a, " * 1200 + "]"))


def test_depth_is_limited_with_and_without_aliases() -> None:
    assert any("nested deeper" in words for words in told("a: " + "[" * 100_000))
    assert any("nested deeper" in words for words in told("- " * 100_000))
    chain = ["a0: &a0 [[[[x]]]]"] + [f"a{n}: &a{n} [[[[*a{n - 1}]]]]" for n in range(1, 20)]
    assert any("nested deeper" in words for words in told("\n".join(chain)))
    deep = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert told(deep) == []


def test_aliases_within_limits_are_written_out() -> None:
    assert data("a: &a {x: [1, 2]}\nb: *a\nc: [*a, *a]\n") == {
        "a": {"x": [1, 2]}, "b": {"x": [1, 2]}, "c": [{"x": [1, 2]}, {"x": [1, 2]}],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing\n", "[1, 2]", "text", "---\n...\n"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfigError, match="expected a mapping of keys"):
        parse(text, "t")


def test_places_are_found_by_path() -> None:
    document = parse("a:\n  b: [1, {c: 2}]\n", "t")
    assert str(document.place(("a", "b", 1, "c"))) == "t:2:14"
    assert str(document.place(("a", "b", 1, "c"), key=True)) == "t:2:11"
    assert str(document.place(("a", "nothing", 3))) == "t:2:3"


def test_extents_cut_the_text_exactly() -> None:
    text = 'a: "x y" # c\nb:\n  - {k: v}\n  - last\n'
    root = parse(text, "t").root
    assert isinstance(root, Fields)
    node, _ = find(root, ("a",))
    assert text[node.start : node.end] == '"x y"'
    node, _ = find(root, ("b", 0))
    assert text[node.start : node.end] == "{k: v}"


@given(
    st.one_of(
        st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_every_number_that_python_prints_is_read_as_itself(value: float) -> None:
    assert resolve(repr(value)) == (value, "")


@given(st.text(max_size=40))
def test_resolving_any_text_never_raises(text: str) -> None:
    value, trouble = resolve(text)
    assert trouble or value is None or isinstance(value, str | int | float)
