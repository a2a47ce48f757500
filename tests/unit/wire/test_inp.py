from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError
from twinvouch.wire.inp import read_inp

SMALL = """
[JUNCTIONS]
 a  10  100  day
 b  10  0
[RESERVOIRS]
 r  50
[TANKS]
 t  20  3  1  5  10  0
[PIPES]
 p1  a  t  1000  200  130  0  Open
[PUMPS]
 u  r  a  HEAD c
[CURVES]
 c  50  30
[PATTERNS]
 day  1.5 0.5
[DEMANDS]
 b  10
 b  20  day
[CONTROLS]
 LINK p1 CLOSED IF NODE t ABOVE 4
 LINK u OPEN AT TIME 6
[TIMES]
 Pattern Timestep  12:00
[OPTIONS]
 Units  CMH
 Demand Multiplier  2.0
"""


def test_a_network_in_metric_units() -> None:
    inp = read_inp(SMALL.encode())
    cmh = 9.80963e-3
    assert inp.demand("a", 0.0, 1.0) == pytest.approx(100 * 1.5 * 2 * cmh)
    assert inp.demand("a", 12 * 3600.0, 1.1) == pytest.approx(100 * 0.5 * 2 * 1.1 * cmh)
    assert inp.demand("b", 0.0, 1.0) == pytest.approx((10 + 20 * 1.5) * 2 * cmh)
    assert inp.tanks["t"].high == pytest.approx(5 / 0.3048)
    assert inp.controlled == {"p1"}
    assert inp.pumps["u"].curve == ((pytest.approx(50 * cmh), pytest.approx(30 / 0.3048)),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[TIMES]", "[RULES]\nRULE 1\n[TIMES]"),
        ("Units  CMH", "Units  CMH\n Headloss  D-W"),
        ("10  0\n[PIPES]", "10  0  curve\n[PIPES]"),
        ("Units  CMH", "Units  BARRELS"),
        ("HEAD c", "HEAD none"),
        ("12:00", "0:00"),
    ],
)
def test_what_is_not_checked_is_refused(old: str, new: str) -> None:
    assert old in SMALL
    with pytest.raises(MalformedError):
        read_inp(SMALL.replace(old, new).encode())


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode())))
def test_whatever_comes_nothing_but_malformed_is_raised(raw: bytes) -> None:
    for text in (raw, SMALL.encode() + raw):
        try:
            read_inp(text)
        except MalformedError:
            continue


@pytest.mark.skipif(find_spec("wntr") is None, reason="needs the extra `lab`")
def test_net3() -> None:
    from twinvouch.lab.epanet import network_file

    inp = read_inp(network_file("Net3").read_bytes())
    assert (len(inp.junctions), len(inp.tanks), len(inp.pipes), len(inp.pumps)) == (92, 3, 117, 2)
    assert inp.controlled == {"335", "330"}
