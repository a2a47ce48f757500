"""The verbs of `twinvouch keys`, from the outside: the root, its list, and what an actuator makes of it."""

import base64
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app.permits import CORE
from tests.unit.app.test_actuator_config import GOOD, loaded
from tests.unit.app.test_cli_config import call
from twinvouch.adapters.keys import FileSigner
from twinvouch.app import key_list
from twinvouch.app.actuator_keys import PermitKeys
from twinvouch.app.build import load
from twinvouch.app.inventory import plant as plant_of
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import key_id


class Site:
    """A starter configuration under a root whose key lies elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "plant" / "twin.yaml"
        call("init", folder / "plant", "--plant", "net3")
        self.root = folder / "safe" / "root.key"
        self.root.parent.mkdir()
        said = call("keys", "root", "--out", self.root, "--config", self.config).output
        line = re.search(r"^key_list: .*$", said, re.MULTILINE)
        assert line is not None
        self.config.write_text(self.config.read_text() + "\n" + line[0] + "\n")
        self.list = self.config.parent / "keys.list"
        (self.config.parent / "keys").mkdir(exist_ok=True)

    def keys(self, *args: object, code: int = 0, rooted: bool = True) -> str:
        root = ("--root", self.root) if rooted else ()
        return call("keys", *args, *root, "--config", self.config, code=code).output

    def rows(self) -> list[dict[str, Any]]:
        said = call("keys", "list", "--offline", "--json", "--config", self.config).output
        found: list[dict[str, Any]] = json.loads(said)
        return found

    def file(self, name: str, *options: str) -> Path:
        path = self.config.parent / "keys" / f"{name}.key"
        call("keys", "new", path, *options)
        return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_root_is_private_and_never_with_the_plant(site: Site) -> None:
    assert stat.S_IMODE(site.root.stat().st_mode) == 0o600
    for inside in ("data", "keys"):
        path = site.config.parent / inside / "root.key"
        said = call("keys", "root", "--out", path, "--config", site.config, code=2).output
        assert "must not get the root" in said
        assert not path.exists()
    assert call("keys", "root", "--out", site.root, "--config", site.config, code=2)


def test_keys_are_signed_rotated_and_revoked_in_the_list(site: Site) -> None:
    edge, permit = site.file("edge-1"), site.file("permit", "--algorithm", "es256")
    site.keys("sign", "edge", "edge-1", "--key-file", edge, "--days", 30)
    public = base64.b64encode(FileSigner(permit).public_key).decode()
    site.keys("sign", "permit", "core", "--key", public)
    site.keys("rotate", "permit")
    found = {(r["purpose"], r["algorithm"]): r for r in site.rows()}
    assert len(site.rows()) == 3
    assert found["edge", "ed25519"]["principal"] == "edge-1"
    old = key_id(base64.b64decode(public)).hex()
    assert (permit.parent / f"permit-{old}.key").exists()
    assert FileSigner(permit).public_key != base64.b64decode(public)
    assert len(FileSigner(permit).public_key) == 65, "a rotation keeps the algorithm"
    site.keys("revoke", old, "--reason", "host broken into", "--since", "2026-01-31")
    (gone,) = [r for r in site.rows() if r["revoked"]]
    assert (gone["key_id"], gone["revoked"]["reason"]) == (old, "host broken into")
    assert (
        "revoked: host broken into"
        in call("keys", "list", "--offline", "--config", site.config).output
    )
    call("check", site.config)


def test_what_contradicts_is_refused_and_adds_nothing(site: Site, tmp_path: Path) -> None:
    edge = site.file("edge-1")
    site.keys("sign", "edge", "edge-1", "--key-file", edge)
    before = site.list.read_bytes()
    for args, why in (
        (("sign", "person", "edge-1", "--key-file", edge), "is for edge of"),
        (("sign", "edge", "nobody", "--key-file", edge), "is not one of `principals:`"),
        (("sign", "edge", "edge-1"), "--key BASE64 or --key-file"),
        (("sign", "edge", "edge-1", "--key", "AAAA"), "expected a public key"),
        (
            ("revoke", "0011223344556677", "--reason", "x", "--since", "2026-01-01"),
            "not in the list",
        ),
        (("rotate", "edge"), "name the PRINCIPAL"),
        (("rotate", "root"), "--new-root"),
    ):
        assert why in site.keys(*args, code=2)
    kid = site.rows()[0]["key_id"]
    other = tmp_path / "other.key"
    call("keys", "root", "--out", other, "--config", site.config)
    said = call(
        "keys", "sign", "edge", "edge-1", "--key-file", edge, "--root", other, "--config", site.config,
        code=2,
    ).output  # fmt: skip
    assert "the root of" in said
    assert site.list.read_bytes() == before
    site.keys("revoke", kid, "--reason", "x", "--since", "2026-01-01T00:00:00")
    assert "is revoked for ever" in site.keys("sign", "edge", "edge-1", "--key-file", edge, code=2)


def test_the_root_hands_over_and_the_pin_may_stay(site: Site, tmp_path: Path) -> None:
    edge, second = site.file("edge-1"), tmp_path / "safe" / "root-2.key"
    call("keys", "root", "--out", second, "--config", site.config)
    site.keys("rotate", "root", "--new-root", second)
    assert "the root of" in site.keys("sign", "edge", "edge-1", "--key-file", edge, code=2)
    site.root = second
    site.keys("sign", "edge", "edge-1", "--key-file", edge)
    assert [r["principal"] for r in site.rows()] == ["edge-1"]


@pytest.mark.parametrize("line", ["!!!", "AAAA", base64.b64encode(bytes(200)).decode()])
def test_a_line_that_is_not_the_roots_is_named(site: Site, line: str) -> None:
    site.keys("sign", "edge", "edge-1", "--key-file", site.file("edge-1"))
    site.list.write_text("# ours\n" + site.list.read_text() + line + "\n")
    config = load(site.config)
    with pytest.raises(ConfigError, match=r"keys\.list:3:1"):
        key_list.ring_of(config, plant_of(config))
    assert "keys.list:3:1" in call("check", site.config, code=3).output


def test_a_missing_list_is_told(site: Site) -> None:
    assert "`twinvouch keys sign` begins one" in call("check", site.config, code=3).output


def test_the_actuator_follows_its_own_copy_of_the_list(site: Site, tmp_path: Path) -> None:
    """A rotation and a revocation count as soon as the file is there; a list that shrank makes nothing count."""
    site.keys("sign", "permit", "core", "--key", base64.b64encode(CORE.public_key).decode())
    folder = tmp_path / "actuator"
    folder.mkdir()
    copy = folder / "keys.list"
    copy.write_bytes(first := site.list.read_bytes())
    root = base64.b64encode(FileSigner(site.root).public_key).decode()
    pinned = base64.b64encode(CORE.public_key).decode()
    text = GOOD.replace(f'permit_key: "{pinned}"', f'key_list: {{root: "{root}", file: keys.list}}')
    keys = PermitKeys(loaded(folder, text), folder)
    kid = key_id(CORE.public_key)
    assert known(keys, kid)
    site.keys("revoke", kid.hex(), "--reason", "stolen", "--since", "2026-01-01")
    copy.write_bytes(site.list.read_bytes())
    ring = keys.limits().ring
    assert ring is not None
    assert ring.keys[kid].revoked is not None
    copy.write_bytes(first)
    assert not known(keys, kid), "the older list is no way back"
    copy.write_bytes(site.list.read_bytes())
    assert known(keys, kid)
    copy.unlink()
    assert not known(keys, kid)


def known(keys: PermitKeys, kid: bytes) -> bool:
    ring = keys.limits().ring
    return ring is not None and kid in ring.keys


def test_an_actuator_has_one_permit_key_or_a_list(tmp_path: Path) -> None:
    pinned = base64.b64encode(CORE.public_key).decode()
    both = GOOD + f'key_list: {{root: "{pinned}", file: keys.list}}\n'
    neither = GOOD.replace(f'permit_key: "{pinned}"\n', "")
    for text in (both, neither):
        with pytest.raises(ConfigError, match="and not both"):
            loaded(tmp_path, text)
