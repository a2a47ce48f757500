"""The doctor and TLS: it asks as the command line, an edge or the actuator would, and tells what ends soon."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.app.test_doctor import Answers, Place, alive, bad, told
from twinvouch.adapters.link_tls import ServerFiles, server_context
from twinvouch.adapters.plant_authority import Authority, make, now_utc, write_new
from twinvouch.app import doctor_certificates, doctor_network
from twinvouch.app.client import CERTIFICATE_VARIABLES

DAY_S = 86_400


class Tls:
    """A place whose core answers over mutual TLS, with the files of every process."""

    def __init__(self, folder: Path, *, require: bool) -> None:
        self.core = Answers(alive())
        self.place = Place(folder, self.core.port)
        make(folder / "authority", "net3", now_utc())
        authority = Authority(folder / "authority")
        for who, hosts in (
            ("core", ("127.0.0.1",)),
            ("edge-1", ()),
            ("actuator-1", ()),
            ("anna", ()),
        ):
            pem, key = authority.issue(who, hosts, 365, now_utc())
            write_new(folder / f"{who}.crt", pem, 0o644)
            write_new(folder / f"{who}.tls.key", key, 0o600)
        ca = folder / "authority" / "authority.crt"
        files = ServerFiles(folder / "core.crt", folder / "core.tls.key", ca)
        context = server_context(files, require=require)
        self.core.server.socket = context.wrap_socket(self.core.server.socket, server_side=True)
        who = "all" if require else "machines"
        port, place = self.core.port, self.place
        tls = "{cert: core.crt, key: core.tls.key, client_ca: authority/authority.crt"
        place.edit(
            place.twin,
            f"api: {{port: {port}}}",
            f"api: {{port: {port}, tls: {tls}, crl: authority/authority.crl, require: {who}}}}}",
        )
        place.edit(
            place.twin,
            f"http://127.0.0.1:{port}'}}",
            f"https://127.0.0.1:{port}', {own('edge-1')}}}",
        )
        place.edit(
            place.actuator,
            f"core: http://127.0.0.1:{port}",
            f"core: https://127.0.0.1:{port}\n{own('actuator-1')}",
        )


def own(who: str) -> str:
    return f"tls: {{ca: authority/authority.crt, cert: {who}.crt, key: {who}.tls.key}}"


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    made = Tls(tmp_path, require=False)
    yield made
    made.core.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Tls]:
    made = Tls(tmp_path, require=True)
    yield made
    made.core.close()


def test_a_core_with_tls_is_asked_with_tls(tls: Tls) -> None:
    patient = tls.place.look()
    assert patient.config is not None
    assert patient.actuator is not None
    ((how, said),) = told(doctor_network.core, patient)
    assert (how, f"https://127.0.0.1:{tls.core.port} is ready" in said) == ("ok", True)


def test_edge_and_actuator_are_asked_for_with_their_own_certificates(strict: Tls) -> None:
    found = told(doctor_network.links, strict.place.look())
    assert [how for how, _ in found] == ["ok"] * 3, found
    assert [re.split(":| at", said)[0] for _, said in found] == [
        "core of edge `edge-1`",
        "core of the actuator",
        "the core",
    ]


def test_a_core_for_certificates_only_is_asked_with_the_one_of_the_command_line(
    strict: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((how, said),) = told(doctor_network.core, strict.place.look())
    assert (how, "takes nobody without a certificate" in said) == ("warn", True)
    for name, file in zip(CERTIFICATE_VARIABLES, ("anna.crt", "anna.tls.key"), strict=True):
        monkeypatch.setenv(name, str(strict.place.folder / file))
    assert [how for how, _ in told(doctor_network.core, strict.place.look())] == ["ok"]


def test_the_files_of_another_machine_are_not_missed_and_wrong_ones_fail(strict: Tls) -> None:
    place = strict.place
    (place.folder / "edge-1.tls.key").rename(place.folder / "away")
    (place.folder / "actuator-1.crt").write_bytes((place.folder / "edge-1.crt").read_bytes())
    elsewhere, wrong = told(doctor_network.links, place.look())
    assert (elsewhere[0], "not on this machine" in elsewhere[1]) == ("ok", True)
    assert wrong[0] == "fail"


def test_a_core_of_another_authority_is_not_believed(strict: Tls) -> None:
    other = strict.place.folder / "other"
    make(other, "net3", now_utc())
    (strict.place.folder / "authority" / "authority.crt").write_bytes(
        (other / "authority.crt").read_bytes()
    )
    found = bad(told(doctor_network.links, strict.place.look()))
    assert len(found) == 2
    assert all("no answer from https://" in said for _, said in found)
    assert strict.core.asked == []


def test_certificates_that_end_soon_are_told_before_they_do(tls: Tls) -> None:
    now_s = now_utc().timestamp()
    patient = tls.place.look()

    def at(days: float) -> list[tuple[str, str]]:
        return told(doctor_certificates.certificates, patient, now_s + days * DAY_S)

    ((how, said),) = at(0)
    assert (how, said[:35]) == ("ok", "5 files hold for 30 days at least, ")
    assert [how for how, _ in at(334)] == ["ok"]
    soon = at(336)
    assert [how for how, _ in soon] == ["warn"] * 3
    assert [said.split(":")[0] for _, said in soon] == [
        "api.tls.cert",
        "edges.edge-1.tls.cert",
        "actuator.yaml tls.cert",
    ]
    assert "in 29 days" in soon[0][1]
    assert [how for how, _ in at(366)] == ["fail"] * 3
    late = at(3_625)
    assert [(how, said.split(":")[0]) for how, said in late if how == "warn"] == [
        ("warn", "api.tls.client_ca"),
        ("warn", "api.tls.crl"),
    ]


def test_a_file_that_is_no_certificate_fails_and_one_of_another_machine_is_passed_over(
    tls: Tls,
) -> None:
    (tls.place.folder / "core.crt").write_text("torn", "utf-8")
    (tls.place.folder / "edge-1.crt").unlink()
    found = told(doctor_certificates.certificates, tls.place.look())
    assert [(how, said.split(":")[0]) for how, said in found] == [("fail", "api.tls.cert")]


def test_a_plant_without_tls_says_nothing_of_certificates(tmp_path: Path) -> None:
    core = Answers(alive())
    try:
        place = Place(tmp_path, core.port)
        assert told(doctor_certificates.certificates, place.look()) == []
    finally:
        core.close()
