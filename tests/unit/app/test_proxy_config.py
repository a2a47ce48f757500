"""`proxy:` of actuator.yaml: what is refused, with its place."""

from pathlib import Path

import pytest

from tests.unit.app.test_actuator_config import GOOD, loaded
from twinvouch.app.problems import InvalidConfigError
from twinvouch.wire.modbus_guard import Guard, Readable
from twinvouch.wire.modbus_roles import Grant

PROXY = """\
proxy:
  principal: hmi
  key: hmi.key
  listen:
    - {device: plc-1, port: 5020, readable: [{table: input, first: 0, last: 9}]}
  tags:
    pump-1/speed: {measured_in: "1", without_core: hold_last}
    valve-1/open: {measured_in: "1", without_core: pass_safe, safe: [0], per_hour: 3}
"""


def test_a_good_one_is_a_guard_on_loopback(tmp_path: Path) -> None:
    proxy = loaded(tmp_path, GOOD + PROXY).proxy
    assert proxy is not None
    (front,) = proxy.listen
    assert (front.host, front.units, front.most_clients) == ("127.0.0.1", (1,), 32)
    assert front.guard == Guard(frozenset({1}), (Readable(4, 1, 0, 9),))
    assert proxy.tags["valve-1/open"].rule.safe == {0.0}


def test_roles_are_grants(tmp_path: Path) -> None:
    more = "tls: {cert: a.crt, key: a.key, client_ca: ca.crt}, roles: {op: [{functions: [1, 5], addresses: [3, 3]}]}}"
    text = (GOOD + PROXY).replace("readable: [{table: input, first: 0, last: 9}]}", more)
    proxy = loaded(tmp_path, text).proxy
    assert proxy is not None
    assert proxy.listen[0].guard.roles == {"op": (Grant(frozenset({1, 5}), (0, 255), (3, 3)),)}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{device: plc-1, port", "{device: plc-9, port", "`plc-9` is not one of the devices"),
        ("port: 5020", "host: 10.0.0.1, port: 5020", "expected `tls`, or `plain: true`"),
        ("port: 5020", "port: 5020, roles: {op: [{functions: [1]}]}", "expected `tls` beside `roles`"),
        ("first: 0, last: 9", "first: 9, last: 0", "expected `first` at most `last`"),
        ("pump-1/speed: {m", "pump-7/speed: {m", "not one of the points"),
        ("port: 5020", "port: 5020, units: [2]", "is of unit 1, which is in `units` of no socket"),
        ("safe: [0]", "safe: [7]", "outside `min` and `max`"),
        (", safe: [0]", "", "expected values with `without_core: pass_safe`"),
        ("without_core: hold_last", "safe: [1]", "and only with it"),
        ("  tags:", "    - {device: plc-1, port: 5020}\n  tags:", "is listened on already"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    assert old in PROXY
    with pytest.raises(InvalidConfigError) as refused:
        loaded(tmp_path, GOOD + PROXY.replace(old, new))
    assert why in str(refused.value)
    assert "actuator.yaml:" in str(refused.value)


def test_a_tag_behind_no_socket_or_at_unit_0_is_refused(tmp_path: Path) -> None:
    other = "devices:\n  plc-2: {host: 127.0.0.1}\n"
    text = (
        (GOOD + PROXY)
        .replace("devices:\n", other)
        .replace("open, device: plc-1, unit: 1", "open, device: plc-2")
    )
    with pytest.raises(InvalidConfigError, match="before which none of `listen` stands"):
        loaded(tmp_path, text)
    text = (GOOD + PROXY).replace("open, device: plc-1, unit: 1", "open, device: plc-1, unit: 0")
    with pytest.raises(InvalidConfigError, match="of unit 0"):
        loaded(tmp_path, text)


def test_from_other_machines_without_tls_only_where_that_is_said(tmp_path: Path) -> None:
    said = PROXY.replace("port: 5020", "host: 10.0.0.1, plain: true, port: 5020")
    assert loaded(tmp_path, GOOD + said).proxy is not None
