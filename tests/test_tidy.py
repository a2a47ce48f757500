"""The tree stays readable: sizes, names, and what only one place may construct."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
BANNED_NAMES = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "managers",
    "lib",
}
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")
# a sealed type and the one file that may make it
SEALED = {"Admitted": "readings/gate.py", "Permit": "commands/permit.py"}
# the wire format has to give back the permit that it reads; the actuator checks its signature first
READS_BACK = {"Permit": {"wire/permit.py"}}
BYPASSES = {"__setattr__", "copy", "deepcopy", "replace", "loads"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield (
            path.relative_to(ROOT / "src" / "twinvouch").as_posix(),
            ast.parse(path.read_text("utf-8")),
        )


def test_files_are_under_400_lines() -> None:
    long = {p.name: n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_functions_fit_a_screen() -> None:
    long = [
        f"{name}:{f.name}"
        for name, tree in parsed()
        for f in functions(tree)
        if (f.end_lineno or 0) - f.lineno + 1 > 50
    ]
    assert long == []


def test_the_median_function_is_short() -> None:
    lengths = sorted(
        (f.end_lineno or 0) - f.lineno + 1 for _, tree in parsed() for f in functions(tree)
    )
    assert lengths[len(lengths) // 2] <= 10


def test_classes_have_at_most_12_public_methods() -> None:
    wide = [
        f"{name}:{c.name}"
        for name, tree in parsed()
        for c in ast.walk(tree)
        if isinstance(c, ast.ClassDef)
        and sum(
            isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef) and not m.name.startswith("_")
            for m in c.body
        )
        > 12
    ]
    assert wide == []


def test_no_name_that_says_nothing() -> None:
    parts = {part for p in SOURCES for part in p.relative_to(ROOT / "src").with_suffix("").parts}
    classes = {
        c.name.lower()
        for _, tree in parsed()
        for c in ast.walk(tree)
        if isinstance(c, ast.ClassDef)
    }
    assert parts & BANNED_NAMES == set()
    assert [c for c in classes if c.endswith(("manager", "helper", "util"))] == []


def test_nothing_is_left_unfinished() -> None:
    marked = [
        p.name
        for p in [*SOURCES, *(ROOT / "tests").rglob("*.py")]
        for word in UNFINISHED
        if word in p.read_text("utf-8")
    ]
    assert marked == []


@pytest.mark.parametrize("sealed", sorted(SEALED))
def test_a_sealed_type_is_made_in_one_place_only(sealed: str) -> None:
    """Inside one process gates are kept by type and this test; the security boundary is the permit's signature."""
    allowed = {SEALED[sealed], *READS_BACK.get(sealed, set())}
    makers = {
        name
        for name, tree in parsed()
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == sealed
    }
    assert makers <= allowed
    assert SEALED[sealed] in makers


def test_sealed_values_are_not_changed_behind_the_gates() -> None:
    """No file that handles sealed types copies, replaces or unpickles; frozen dataclasses hold the rest."""
    guilty = []
    for name, tree in parsed():
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        if not names & set(SEALED) or name.startswith("core/"):
            continue
        for n in ast.walk(tree):
            if not isinstance(n, ast.Call) or not n.args:
                continue
            called = n.func.attr if isinstance(n.func, ast.Attribute) else getattr(n.func, "id", "")
            target = ast.unparse(n.args[0])
            if called in BYPASSES and any(
                word in target.lower() for word in ("admitted", "permit")
            ):
                guilty.append(f"{name}:{n.lineno}")
    assert guilty == []


def test_only_our_own_pickle_free_formats_are_read() -> None:
    imports = {
        alias.name
        for _, tree in parsed()
        for n in ast.walk(tree)
        if isinstance(n, ast.Import)
        for alias in n.names
    }
    assert imports & {"pickle", "marshal", "shelve", "dill"} == set()
