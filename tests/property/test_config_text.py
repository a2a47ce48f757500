"""Any text whatever: a configuration either loads or is refused with places, nothing else happens."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.app.plants import GOOD
from twinvouch.app.config import from_document
from twinvouch.app.config_model import Config
from twinvouch.app.problems import InvalidConfigError
from twinvouch.app.yaml_file import parse
from twinvouch.core.inventory import Plant

SYNTAX = st.sampled_from(
    ["- ", ": ", "{", "}", "[", "]", "&a ", "*a", "!!x ", "'", '"', "\n", "  ", "|", ">", "#", "%",
     "---\n", "? ", "<<", "\\u0000", '"\\UFFFFFFFF"', '"\\ud800"', ".nan", "1e999", "0o7", "9" * 500, ",", "\t", "\x85"]
)  # fmt: skip
PIECES = st.lists(
    st.one_of(st.text(max_size=5), SYNTAX, st.sampled_from(GOOD.split())), max_size=40
)


def _load(text: str) -> Config | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.yaml"
        try:
            return from_document(parse(text, "twin.yaml"), path)
        except InvalidConfigError as error:
            for problem in error.problems:
                assert problem.place.line >= 1
                assert problem.place.column >= 1
                assert "\n" not in problem.text
                assert problem.text.isprintable(), problem.text
            return None


@given(PIECES)
def test_any_text_loads_or_is_refused(pieces: list[str]) -> None:
    _load("".join(pieces))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 8), st.one_of(st.text(max_size=4), SYNTAX))
@settings(max_examples=200)
def test_any_damage_to_a_good_file_loads_or_is_refused(at: int, cut: int, put: str) -> None:
    config = _load(GOOD[:at] + put + GOOD[at + cut :])
    if config is not None:
        from twinvouch.app.inventory import plant

        assert isinstance(plant(config), Plant)
