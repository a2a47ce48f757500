"""Every input that was ever interesting holds still, and a short look for new ones finds nothing broken."""

import os

import pytest

from tests.fuzz import corpus_file
from tests.fuzz.__main__ import run, target, tried

SECONDS = int(os.environ.get("TWINVOUCH_FUZZ_S", "10" if os.environ.get("CI") else "2"))


@pytest.mark.parametrize("name", corpus_file.names())
def test_no_input_that_was_kept_breaks_a_promise(name: str) -> None:
    module = target(name)
    kept = corpus_file.kept(name)
    assert len(kept) > 3, "an empty corpus shows nothing: ./dev fuzz --keep"
    for raw in [*module.SEEDS, *kept]:
        module.one(raw)


@pytest.mark.slow
@pytest.mark.parametrize("name", corpus_file.names())
def test_a_short_look_finds_nothing_new(name: str) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for x86-64 Linux only")
    found = run(name, SECONDS)
    assert (found.broken, found.hung, found.said) == ((), (), "")
    assert found.executions > 100


def test_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machinery itself: an input that makes `one` raise counts as broken, a good one does not."""
    with pytest.raises(TypeError):
        target("cbor").one("no bytes")  # type: ignore[arg-type]
    assert tried("cbor", b"\x00") == "fine"
    monkeypatch.setattr(
        "tests.fuzz.__main__.ROOT", corpus_file.CORPUS
    )  # where no module `tests` is
    assert tried("cbor", b"\x00") == "broken"
