"""Adding principals edits the text where the entry belongs, and nothing else changes."""

import base64
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.app.plants import GOOD, KEY, loaded, write
from twinvouch.adapters.keys import FileSigner, generate
from twinvouch.app import starter
from twinvouch.app.config import load
from twinvouch.app.config_model import PrincipalSettings
from twinvouch.app.principals import Wanted, add, edited
from twinvouch.app.yaml_file import parse
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.inventory import PrincipalKind, Role

BOB = Wanted("bob", PrincipalKind.PERSON, (Role.OPERATOR, Role.ENGINEER))


def test_a_new_principal_is_entered_and_comments_stay(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("\nactuator: {", "\n# a comment\nactuator: {"))
    added = add(path, BOB, generate)
    after = path.read_text()
    assert "# a comment\n" in after
    lines = [line for line in after.splitlines() if line not in GOOD.splitlines()]
    assert len(lines) == 5  # the comment and four lines of the entry
    assert load(path).principals[-1] == added.entry
    assert FileSigner(added.key_file).public_key == base64.b64decode(added.entry.key or "")
    assert stat.S_IMODE(added.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(added.key_file.parent.stat().st_mode) == 0o700


def test_an_entry_without_a_key_gets_one(tmp_path: Path) -> None:
    config = starter.write(tmp_path, starter.template("p"))
    add(config.path, Wanted("edge-1", PrincipalKind.EDGE), generate)
    text = config.path.read_text()
    assert '  - id: edge-1\n    key: "' in text
    assert text.count("#") == starter.template("p").count("#")
    assert [p.key is not None for p in load(config.path).principals] == [True, False]


def test_a_token_is_stored_as_its_hash_only(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    wanted = Wanted("actuator-1", PrincipalKind.SERVICE, with_token=True)
    added = add(path, wanted, generate)
    assert added.token_file is not None
    token = added.token_file.read_text().strip()
    assert stat.S_IMODE(added.token_file.stat().st_mode) == 0o600
    assert len(token) >= 40
    assert token not in path.read_text()
    entry = next(p for p in load(path).principals if p.id == "actuator-1")
    assert entry.token_sha256 == sha256(token.encode()).hexdigest()


@pytest.mark.parametrize(
    "principals",
    [
        "",
        "principals:\n",
        "principals: []  # none yet\n",
        "principals: ~\n",
        'principals:\n- id: eve\n  kind: person # "- id: x"\n# end\n',
        "principals:\n    -   kind: person\n        id: eve\n",
        "principals: [{id: eve, kind: person},]\n",
        "principals:\n  - {id: eve,\n     kind: person}   # two lines\n",
        "principals:\n  - id: eve\n    kind: person\n    roles:\n      - viewer\n      # more\n",
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "api: {port: 8711}"])
def test_every_way_to_write_the_list_can_be_edited(
    principals: str, line_end: str, last: str
) -> None:
    text = ("version: 1\nplant: {id: p}\n" + principals + last).replace("\n", line_end)
    document = parse(text, "twin.yaml")
    entry = PrincipalSettings(id="bob", kind=PrincipalKind.PERSON, key=KEY)
    after = edited(document, None, entry)
    assert ("\r\n" in after) == (line_end == "\r\n")
    assert "\n" not in after.replace("\r\n", "") or line_end == "\n"
    from twinvouch.app.config import from_document

    before = from_document(document, Path("twin.yaml"))
    config = from_document(parse(after, "twin.yaml"), Path("twin.yaml"))
    assert config.principals == (*before.principals, entry)
    assert config.api == before.api


def test_flow_entries_get_their_key_too(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    add(path, Wanted("actuator-1", PrincipalKind.SERVICE), generate)
    assert "- {id: actuator-1, key: " in path.read_text()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted("anna", PrincipalKind.PERSON), "has a key"),
        (Wanted("actuator-1", PrincipalKind.EDGE), "as service"),
        (Wanted("../evil", PrincipalKind.EDGE), "an id"),
        (Wanted("x\ny", PrincipalKind.EDGE), "an id"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, wanted: Wanted, words: str
) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(UsageError, match=words):
        add(path, wanted, generate)
    assert path.read_text() == GOOD
    assert not (tmp_path / "keys").exists() or not list((tmp_path / "keys").iterdir())


def test_an_existing_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "bob.key").write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        add(path, BOB, generate)
    assert (tmp_path / "keys" / "bob.key").read_text() == "precious"


def test_what_cannot_be_edited_safely_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "{version: 1, plant: {id: p}}\n")
    with pytest.raises(ConfigError, match="enter under `principals:` yourself"):
        add(path, BOB, generate)
    assert path.read_text() == "{version: 1, plant: {id: p}}\n"
    assert not list((tmp_path / "keys").iterdir())


def test_the_mode_of_the_file_and_a_link_to_it_stay(tmp_path: Path) -> None:
    real = write(tmp_path, GOOD)
    real.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(real)
    add(link, BOB, generate)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keys", "link.yaml", "twin.yaml"]


@given(
    st.permutations(["id: eve", "kind: person", "roles: [viewer]"]),
    st.integers(0, 6),
    st.sampled_from(["", "  # x"]),
)
@settings(max_examples=40)
def test_indents_and_orders_do_not_matter(keys: list[str], indent: int, comment: str) -> None:
    lead = " " * indent
    lines = [f"{lead}{'- ' if n == 0 else '  '}{k}{comment}" for n, k in enumerate(keys)]
    document = parse("version: 1\nplant: {id: p}\nprincipals:\n" + "\n".join(lines), "t")
    from twinvouch.app.config import from_document

    before = from_document(document, Path("t"))
    entry = PrincipalSettings(id="bob", kind=PrincipalKind.PERSON, key=KEY)
    config = from_document(parse(edited(document, None, entry), "t"), Path("t"))
    assert config.principals == (*before.principals, entry)
    eve = before.principals[0].model_copy(update={"key": KEY})
    config = from_document(parse(edited(document, before.principals[0], eve), "t"), Path("t"))
    assert config.principals == (eve,)


def test_the_small_plant_of_these_tests_is_valid(tmp_path: Path) -> None:
    assert len(loaded(tmp_path).principals) == 3


def test_a_forgotten_token_is_added_and_the_key_stays(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    key = add(path, BOB, generate).entry.key
    added = add(path, Wanted("bob", PrincipalKind.PERSON, with_token=True), generate)
    assert added.entry.key == key
    assert added.token_file is not None
    token = added.token_file.read_text("ascii").strip()
    assert load(path).principals[-1].token_sha256 == sha256(token.encode()).hexdigest()
    with pytest.raises(UsageError, match="has a token"):
        add(path, Wanted("bob", PrincipalKind.PERSON, with_token=True), generate)
