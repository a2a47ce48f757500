"""`keys publish` and `config sign` against a core that runs: over its socket, through its door, as the command line does it."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.app.test_cli_config import call
from tests.unit.app.test_cli_keys import Site
from twinvouch.adapters.keys import FileSigner
from twinvouch.app import build, key_list, run
from twinvouch.app.api.hub import Hub
from twinvouch.app.client import Client, address_of
from twinvouch.app.core import Core
from twinvouch.core.inventory import key_id
from twinvouch.engine import Engine
from twinvouch.engine.memory import Memory
from twinvouch.engine.withholding import withheld

STARTED_S = 20.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Live:
    """A core that runs as `twinvouch run` puts it together, in this process."""

    def __init__(self, path: Path) -> None:
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"port: 8\d{3},", f"port: {free_port()},", text), "utf-8")
        self.config = build.load(path)
        hub = Hub(self.config.plant.id, None, 5_000_000_000)
        site = run.live_site(self.config, None)
        models = self.config.data_dir / "models"
        self.core = Core(Engine(site), build.stores(self.config), hub.leave, models)
        self.core.start()
        run.tell_what_was_said(self.core, self.config)
        self.door = run._door(self.config)
        self.server = run._server(self.config, self.core, hub, None)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.door]})
        self.thread.start()
        give_up = time.monotonic() + STARTED_S
        while not self.server.started and time.monotonic() < give_up:
            time.sleep(0.01)
        assert self.server.started

    @property
    def memory(self) -> Memory:
        return self.core.engine.memory

    def turned_away(self) -> dict[str, int]:
        """What the door counts, as /metrics shows it."""
        text = httpx.get(f"{address_of(self.config)}/metrics", trust_env=False).text
        found = re.findall(r'^twinvouch_door_refusals_total{rule="(\w+)"} ([\d.]+)', text, re.MULTILINE)  # fmt: skip
        return {rule: int(float(count)) for rule, count in found}

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(STARTED_S)
        self.core.stop()
        assert not self.thread.is_alive()


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line leaves its connection to the end of its process; here that does not come."""
    made, clients = Client.__init__, []

    def init(self: Client, *args: Any, **more: Any) -> None:
        made(self, *args, **more)
        clients.append(self)

    monkeypatch.setattr(Client, "__init__", init)
    yield
    for client in clients:
        client._http.close()


@contextmanager
def running(path: Path) -> Iterator[Live]:
    live = Live(path)
    try:
        yield live
    finally:
        live.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_keys_publish_tells_a_running_core_what_is_new_and_only_once(site: Site) -> None:
    edge = site.file("edge-1")
    kid = key_id(FileSigner(edge).public_key)
    site.keys("sign", "edge", "edge-1", "--key-file", edge)
    with running(site.config) as live:
        assert live.memory.ring is not None
        assert live.memory.ring.keys[kid].revoked is None, "the list was read at the start"
        site.keys("revoke", kid.hex(), "--reason", "stolen", "--since", "2026-01-31")
        assert live.memory.ring.keys[kid].revoked is None, "a file tells a running core nothing"
        size = live.memory.size
        said = site.keys("publish", rooted=False)
        assert said.splitlines()[0] == f"entry {size}: revoke edge edge-1 {kid.hex()}"
        assert said.splitlines()[-1] == "1 new, 1 known"
        assert live.memory.ring.keys[kid].revoked is not None
        assert site.keys("publish", rooted=False).splitlines() == ["0 new, 2 known"]
        assert live.memory.size == size + 1
        assert live.turned_away() == {}
    with running(site.config) as again:
        assert again.memory.ring is not None
        assert again.memory.ring.keys[kid].revoked is not None


def test_what_another_root_says_ends_at_the_door(site: Site, tmp_path: Path) -> None:
    edge = site.file("edge-1")
    site.keys("sign", "edge", "edge-1", "--key-file", edge)
    thief = Site(tmp_path / "thief")
    thief.keys("sign", "edge", "edge-1", "--key-file", thief.file("edge-1"))
    with running(site.config) as live:
        size = live.memory.size
        key_list.append(site.list, key_list.read(thief.list))
        said = site.keys("publish", code=4, rooted=False)
        assert "no root of plant `net3` has signed this" in said
        assert live.turned_away() == {"bad_signature": 1}
        assert live.memory.size == size, "nothing of a stranger is entered one by one"
        assert live.memory.ring is not None
        assert len(live.memory.ring.keys) == 1


def test_a_core_without_a_key_list_takes_no_key_statement(site: Site) -> None:
    site.keys("sign", "edge", "edge-1", "--key-file", site.file("edge-1"))
    text = site.config.read_text("utf-8")
    bare = site.config.with_name("bare.yaml")
    bare.write_text(re.sub(r"^key_list: .*$", "", text, flags=re.MULTILINE), "utf-8")
    with running(bare) as live:
        port = live.config.api.port
        site.config.write_text(re.sub(r"port: 8\d{3},", f"port: {port},", text), "utf-8")
        assert "its own keys count" in site.keys("publish", code=1, rooted=False)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A configuration that ann and bob have signed, and that a core has run with."""
    path = tmp_path / "twin.yaml"
    call("init", tmp_path, "--plant", "net3")
    for person in ("ann", "bob"):
        enter(path, person)
    for person in ("ann", "bob"):
        sign(path, person)
    with running(path) as live:
        assert (live.memory.signed.number, withheld(live.memory)) == (1, ())
    return path


def enter(path: Path, person: str) -> None:
    role = ("--kind", "person", "--role", "safety-signer")
    call("principals", "add", person, *role, "--config", path)


def sign(path: Path, person: str, code: int = 0) -> str:
    return call("config", "sign", "--by", person, "--yes", "--config", path, code=code).output


def leave(path: Path, person: str) -> None:
    """Take the entry of a person out of twin.yaml."""
    text = path.read_text("utf-8")
    entry = re.compile(rf'^ *- (?:{{)?id: "{person}".*\n(?:^ {{4,}}\w.*\n)*', re.MULTILINE)
    assert len(entry.findall(text)) == 1, text
    path.write_text(entry.sub("", text), "utf-8")


def test_a_signer_who_has_left_twin_yaml_signs_the_change_through_the_door(signed: Path) -> None:
    """Who may sign is what was signed last: else whoever writes the file would choose the signers."""
    leave(signed, "ann")
    enter(signed, "cid")
    with running(signed) as live:
        assert "ann" not in live.memory.site.plant.principals
        assert withheld(live.memory) != ()
        refused = sign(signed, "cid", code=4)
        assert "nobody who may sign a configuration now" in refused
        assert live.turned_away() == {}, "the door knows cid, the engine says no"
        assert "the core: waiting, 1 of 2 persons" in sign(signed, "ann")
        assert "the core: signed, 2 of 2 persons" in sign(signed, "bob")
        assert (live.memory.signed.number, withheld(live.memory)) == (2, ())
        assert set(live.memory.signed.signers) == {"bob", "cid"}


def test_who_was_never_a_signer_and_is_in_no_file_ends_at_the_door(signed: Path) -> None:
    enter(signed, "eve")
    leave(signed, "eve")
    signed.write_text(signed.read_text("utf-8").replace("max: 110", "max: 120"), "utf-8")
    with running(signed) as live:
        size = live.memory.size
        assert "belongs to no principal" in sign(signed, "eve", code=4)
        assert live.turned_away() == {"unknown_key": 1}
        assert live.memory.size == size
