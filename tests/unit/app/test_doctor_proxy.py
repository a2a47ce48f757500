"""What the doctor says of a guard proxy."""

import socket
from pathlib import Path

import pytest

from tests.unit.app.test_doctor import Place, told
from twinvouch.adapters.keys import generate
from twinvouch.app import doctor_files, doctor_proxy

PROXY = """\
proxy:
  principal: {principal}
  key: keys/{principal}.key
  listen: [{{device: plc-1, port: {port}{more}}}]
  tags: {{pump-1/speed: {{measured_in: "{unit}"}}}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, 8710)  # no core answers: none is asked


def with_proxy(place: Place, port: int, unit: str, principal: str = "hmi", more: str = "") -> None:
    with place.actuator.open("a", encoding="utf-8") as file:
        file.write(PROXY.format(principal=principal, port=port, more=more, unit=unit))


def test_without_a_proxy_there_is_nothing_to_say(place: Place) -> None:
    assert told(doctor_proxy.proxy, place.look()) == []


@pytest.mark.parametrize("is_up", [True, False])
def test_who_listens_is_told(place: Place, *, is_up: bool) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        if is_up:
            door.listen()
        port = door.getsockname()[1]
        if not is_up:
            door.close()
        with_proxy(place, port, "1")
        how, said = told(doctor_proxy.proxy, place.look())[0]
    assert how == ("ok" if is_up else "warn")
    assert ("is listened on" if is_up else "nothing listens") in said


def test_who_lets_everybody_in_is_warned(place: Place) -> None:
    with_proxy(place, 5020, "1", more=", host: 192.0.2.1, plain: true")
    how, said = told(doctor_proxy.proxy, place.look())[0]
    assert how == "warn"
    assert "lets everybody in" in said


def test_a_name_that_is_no_service_and_a_wrong_unit_fail(place: Place) -> None:
    with_proxy(place, 5020, "furlong")
    said = [text for how, text in told(doctor_proxy.proxy, place.look()) if how == "fail"]
    assert any("`hmi` is no principal of kind service" in text for text in said)
    assert any("measured in `furlong` there" in text for text in said)


def test_a_proxy_that_asks_as_the_actuator_or_with_another_key_fails(place: Place) -> None:
    with_proxy(place, 5020, "1", principal="actuator-1")
    (place.keys / "actuator-1.key").unlink()
    generate(place.keys / "actuator-1.key")
    said = " ".join(text for how, text in told(doctor_proxy.proxy, place.look()) if how == "fail")
    assert "is the actuator itself" in said
    assert "is not the key that principal `actuator-1` has" in said


def test_a_missing_key_of_the_proxy_is_told(place: Place) -> None:
    with_proxy(place, 5020, "1")
    said = " ".join(text for _, text in told(doctor_files.keys, place.look()))
    assert f"{Path('hmi.key')}`: no such file" in said
