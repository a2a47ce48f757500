"""The doctor: a sound set-up is well, and every broken one is named with what to do."""

import base64
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.app.plants import changed
from twinvouch import __version__
from twinvouch.adapters.keys import FileSigner, generate
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.app import build, cli, doctor_files, doctor_machine, doctor_network
from twinvouch.app.doctor import Check, Found, Patient, examine

ACTUATOR = """\
version: 1
plant: net3
principal: actuator-1
key: keys/actuator-1.key
permit_key: "{key}"
core: {core}
token_file: keys/actuator-1.token
data: journal
devices: {{plc-1: {{host: 127.0.0.1, port: 5020}}}}
points: [{{tag: pump-1/speed, device: plc-1, table: holding, address: 2, encoding: u16, min: 0, max: 1}}]
"""


class Answers:
    """An HTTP server that answers each path as it is told."""

    def __init__(self, paths: dict[str, tuple[int, str]]) -> None:
        asked: list[tuple[str, str]] = []
        self.paths, self.asked = paths, asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, self.headers.get("Authorization", "")))
                code, text = paths.get(self.path, (404, "{}"))
                self.send_response(code)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_port)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def alive() -> dict[str, tuple[int, str]]:
    """What a core that is well answers."""
    version = json.dumps({"status": "alive", "version": __version__})
    return {"/livez": (200, version), "/readyz": (200, "{}"), "/api/v1/status": (403, "{}")}


@pytest.fixture
def core() -> Iterator[Answers]:
    answers = Answers(alive())
    yield answers
    answers.close()


class Place:
    """A set-up in a folder: keys, both configurations, a ledger."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.twin, self.actuator = folder / "twin.yaml", folder / "actuator.yaml"
        self.keys = folder / "keys"
        self.keys.mkdir()
        edge = changed(
            "edges: {edge-1: {groups: [fast]}}",
            f"edges: {{edge-1: {{groups: [fast], core: 'http://127.0.0.1:{port}'}}}}",
        )
        text = re.sub(r', key: "[^"]+"', "", edge) + f"api: {{port: {port}}}\n"
        self.twin.write_text(text, "utf-8")
        for who, kind in (("edge-1", "edge"), ("anna", "person"), ("actuator-1", "service")):
            self.verb(
                "principals", "add", who, "--kind", kind, "--token", "--config", str(self.twin)
            )
        config = build.load(self.twin)
        permit = build.permit_signer(config)
        assert permit is not None
        signer = FileSigner(build.key_file(config, "log"))
        config.data_dir.mkdir()
        LedgerFiles(config.data_dir / "ledger", "net3/0", signer).close()
        key = base64.b64encode(permit.public_key).decode()
        self.actuator.write_text(ACTUATOR.format(key=key, core=f"http://127.0.0.1:{port}"), "utf-8")

    def verb(self, *args: str) -> Any:
        return CliRunner().invoke(cli.cli, list(args))

    def look(self, **more: bool) -> Patient:
        return doctor_files.patient(self.twin, self.actuator, **more)

    def edit(self, file: Path, old: str, new: str) -> None:
        text = file.read_text("utf-8")
        assert old in text, text
        file.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def place(tmp_path: Path, core: Answers) -> Place:
    return Place(tmp_path, core.port)


def told(check: Callable[..., Iterator[Found]], *args: Any) -> list[tuple[str, str]]:
    name = check.__name__
    return [(f.status.value, f.said) for f in examine_one(name, lambda _: check(*args))]


def examine_one(name: str, check: Check) -> list[Found]:
    found = list(examine(None, [(name, check)]))  # type: ignore[arg-type]
    assert all(f.do for f in found if f.status != "ok"), "every trouble says what to do"
    return found


def bad(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [f for f in found if f[0] != "ok"]


def test_a_sound_set_up_is_well(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "SLOW_S", 1e9)
    answer = place.verb(
        "doctor", "--config", str(place.twin), "--actuator", str(place.actuator), "--json"
    )
    report = json.loads(answer.output)
    trouble = [c for c in report["checks"] if c["status"] != "ok" and c["check"] != "clock"]
    assert (trouble, report["ok"], answer.exit_code) == ([], True, 0)
    assert {
        "python",
        "libraries",
        "clock",
        "config",
        "keys",
        "agreement",
        "data",
        "journal",
        "ledger",
        "core",
        "token",
        "systemd",
    } == {c["check"] for c in report["checks"]}


def test_an_old_python_and_a_missing_library_fail() -> None:
    assert bad(told(doctor_machine.python, None, (3, 10, 1)))[0][0] == "fail"
    missing = told(doctor_machine.libraries, None, ("numpy", "no-such-library"))
    assert missing == [("fail", "missing: no-such-library")]
    assert {"numpy", "cryptography", "pydantic"} <= set(doctor_machine.demanded())


@pytest.mark.parametrize(
    ("status", "found"), [(None, "unknown"), (0x40, "not synchronised"), (0x01, "synchronised")]
)
def test_a_clock_that_nobody_sets_is_a_warning(status: int | None, found: str) -> None:
    ((how, said),) = told(doctor_machine.clock, None, status)
    assert found in said
    assert how == ("ok" if status == 1 else "warn")


def test_a_configuration_with_a_mistake_fails_at_its_place(place: Place) -> None:
    place.edit(place.twin, "period_s: 0.1", "period: 0.1")
    place.edit(place.actuator, "max: 1}", "most: 1}")
    found = told(doctor_files.config, place.look())
    assert [how for how, _ in found] == ["fail", "fail"]
    assert "did you mean `period_s`?" in found[0][1]
    assert "twin.yaml:" in found[0][1]
    assert "unknown key `most`" in found[1][1]


def test_a_missing_configuration_fails_but_not_where_only_the_actuator_is(place: Place) -> None:
    place.twin.unlink()
    only = told(doctor_files.config, place.look())
    assert [how for how, _ in only] == ["ok", "ok"]
    place.actuator.unlink()
    assert told(doctor_files.config, place.look())[0][0] == "fail"


def test_what_is_unfinished_is_a_warning(place: Place) -> None:
    place.edit(place.twin, "principals:", "principals:\n  - {id: zoe, kind: person}")
    assert ("warn", "zoe") in [
        (h, "zoe") for h, s in told(doctor_files.config, place.look()) if "zoe" in s
    ]


def test_a_key_that_others_can_read_fails(place: Place) -> None:
    (place.keys / "edge-1.key").chmod(0o640)
    (place.keys / "anna.token").chmod(0o604)
    found = bad(told(doctor_files.keys, place.look()))
    assert [how for how, _ in found] == ["fail", "fail"]
    assert "mode 0604" in found[0][1]
    assert "mode 0640" in found[1][1]


def test_a_key_of_somebody_else_or_of_nobody_fails(place: Place) -> None:
    (place.keys / "edge-1.key").unlink()
    generate(place.keys / "edge-1.key")
    (place.keys / "actuator-1.key").write_text("not a key\n", "ascii")
    (place.keys / "actuator-1.token").unlink()
    found = bad(told(doctor_files.keys, place.look()))
    text = " ".join(said for _, said in found)
    assert {how for how, _ in found} == {"fail"}
    assert "is not the key that principal `edge-1` has" in text
    assert "actuator-1.key` holds neither" in text
    assert "actuator-1.token`: no such file" in text
    assert "not a key" not in text, "the content of a key file is never quoted"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("plant: net3", "plant: net4", "plant `net4` there, `net3` here"),
        ("principal: actuator-1", "principal: actuator-2", "`actuator-2` there"),
        ("address: 2", "address: 7", "pump-1/speed` is at"),
        ("tag: pump-1/speed", "tag: pump-1/sped", "`pump-1/sped` is no actuator"),
    ],
)
def test_two_files_that_contradict_each_other_fail(
    place: Place, old: str, new: str, says: str
) -> None:
    place.edit(place.actuator, old, new)
    ((how, said),) = told(doctor_files.agreement, place.look())
    assert how == "fail"
    assert says in said


def test_the_permit_key_of_another_core_fails(place: Place) -> None:
    (place.keys / "permit.key").unlink()
    generate(place.keys / "permit.key")
    assert told(doctor_files.agreement, place.look()) == [
        ("fail", f"`{place.actuator}`: its `permit_key` is not that of this core")
    ]


def test_with_a_key_list_the_keys_of_the_files_are_not_compared(place: Place) -> None:
    """Whose a key is the root says: an edge and the actuator ask the list."""
    root = base64.b64encode(FileSigner(place.keys / "edge-1.key").public_key).decode()
    listed = f'key_list: {{root: "{root}", file: keys.list}}'
    (place.folder / "keys.list").write_text("")
    with place.twin.open("a", encoding="utf-8") as twin:
        twin.write(listed + "\n")
    own = place.actuator.read_text("utf-8")
    place.actuator.write_text(re.sub(r"permit_key: .*", listed, own), "utf-8")
    (place.keys / "edge-1.key").unlink()
    generate(place.keys / "edge-1.key")
    assert bad(told(doctor_files.keys, place.look())) == []
    assert bad(told(doctor_files.agreement, place.look())) == []


def test_a_directory_that_cannot_be_used_fails(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = told(doctor_machine.data, place.look())
    assert [how for how, _ in found] == ["fail", "fail"]
    assert "cannot be written by this user" in found[0][1]


def test_a_full_or_slow_disk_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "TOO_LITTLE", 2**62)
    assert told(doctor_machine.data, place.look())[0][0] == "fail"
    monkeypatch.setattr(doctor_machine, "TOO_LITTLE", 0)
    monkeypatch.setattr(doctor_machine, "LITTLE", 2**62)
    assert told(doctor_machine.data, place.look())[0][0] == "warn"
    monkeypatch.setattr(doctor_machine, "LITTLE", 0)
    monkeypatch.setattr(doctor_machine, "SLOW_S", 0.0)
    slow = told(doctor_machine.data, place.look())
    assert slow[0][0] == "warn"
    assert "a flush takes" in slow[0][1]
    assert list((place.folder / "data").glob(".doctor*")) == []


def test_a_checkpoint_that_does_not_fit_fails(place: Place) -> None:
    file = place.folder / "data" / "ledger" / "checkpoint"
    good = file.read_text("utf-8")
    assert bad(told(doctor_files.ledger, place.look())) == []
    file.write_text(good.replace("net3/0\n0\n", "net3/0\n1\n", 1), "utf-8")
    assert "does not fit" in told(doctor_files.ledger, place.look())[0][1]
    file.write_text(good.replace("net3/0\n", "net4/0\n", 1), "utf-8")
    assert told(doctor_files.ledger, place.look()) == [("fail", f"`{file}` is of plant `net4`")]
    file.write_text("torn", "utf-8")
    assert told(doctor_files.ledger, place.look())[0][0] == "fail"
    file.write_text(good, "utf-8")
    (place.keys / "log.key").unlink()
    generate(place.keys / "log.key")
    assert told(doctor_files.ledger, place.look())[0][0] == "fail"


def test_a_core_that_does_not_run_is_a_warning_and_a_stranger_on_its_port_fails(
    place: Place, core: Answers
) -> None:
    core.paths["/livez"] = (200, "<html>")
    ((how, said),) = told(doctor_network.core, place.look())
    assert (how, "something else than twinvouch answers" in said) == ("fail", True)
    core.close()
    ((how, said),) = told(doctor_network.core, place.look())
    assert (how, "the core does not run" in said) == ("warn", True)
    assert "no answer from" in told(doctor_network.links, place.look())[0][1]


def test_another_version_and_a_core_that_is_not_ready_are_told(place: Place, core: Answers) -> None:
    core.paths["/livez"] = (200, json.dumps({"version": "0.0.9"}))
    core.paths["/readyz"] = (503, "cannot make events durable: no space left")
    (version, ready) = told(doctor_network.core, place.look())
    assert version[0] == "warn"
    assert "runs twinvouch 0.0.9" in version[1]
    assert (ready[0], "no space left" in ready[1]) == ("fail", True)


def test_a_token_that_the_core_does_not_know_fails(place: Place, core: Answers) -> None:
    core.paths["/api/v1/status"] = (401, "{}")
    ((how, said),) = bad(told(doctor_network.links, place.look()))
    assert (how, "does not know the token" in said) == ("fail", True)
    token = (place.keys / "actuator-1.token").read_text("ascii").strip()
    assert core.asked[-1] == ("/api/v1/status", f"Bearer {token}")
    assert token not in said


def test_a_token_is_not_sent_over_plain_http_to_another_machine(
    place: Place, core: Answers
) -> None:
    seen = len(core.asked)
    found = list(
        doctor_network._token(
            doctor_network.Link("http://192.0.2.1:1"), place.keys / "actuator-1.token"
        )
    )
    assert [f.status.value for f in found] == ["fail"]
    assert len(core.asked) == seen


def test_devices_are_read_only_where_that_was_asked_for(place: Place) -> None:
    assert told(doctor_network.devices, place.look()) == []
    ((how, said),) = told(doctor_network.devices, place.look(devices=True))
    assert how == "fail"
    assert "`plc-1`" in said


def test_a_device_that_answers_is_well(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []

    class Device:
        async def read(self, *what: object) -> list[int]:
            done.append(what)
            return [1]

        async def close(self) -> None:
            done.append("closed")

    monkeypatch.setattr(doctor_network, "connect", lambda *_: Device())
    assert told(doctor_network.devices, place.look(devices=True)) == [("ok", "`plc-1` answers")]
    assert done == [(1, "holding", 0, 1), "closed"]


def test_a_unit_that_lost_its_sandbox_is_a_warning(tmp_path: Path) -> None:
    assert told(doctor_machine.units, None, tmp_path / "none")[0][0] == "ok"
    good = CliRunner().invoke(cli.cli, ["systemd", "print", "core"]).output
    (tmp_path / "twinvouch-core.service").write_text(good, "utf-8")
    assert told(doctor_machine.units, None, tmp_path)[0][0] == "ok"
    weaker = good.replace("NoNewPrivileges=yes", "NoNewPrivileges=no")
    (tmp_path / "twinvouch-core.service").write_text(weaker, "utf-8")
    ((how, said),) = told(doctor_machine.units, None, tmp_path)
    assert (how, "has no NoNewPrivileges=yes" in said) == ("warn", True)


def test_a_broken_set_up_ends_with_1_and_hostile_text_stays_harmless(place: Place) -> None:
    place.edit(place.twin, "version: 1", 'version: "\\e[2J"')
    answer = place.verb("doctor", "--config", str(place.twin), "--actuator", str(place.actuator))
    assert answer.exit_code == 1
    assert "FAIL  config:" in answer.output
    assert "\x1b" not in answer.output
    assert "      -> " in answer.output
