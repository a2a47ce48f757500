"""C01 to C05 of docs/explanation/threat-model.md."""

import numpy as np
import pytest

from tests.claims.site import START, Toy, signer, stranger
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.label import Axis
from twinvouch.core.site import SECOND


def test_c01_a_changed_batch_is_never_admitted(toy: Toy) -> None:
    raw = toy.sealed(toy.content())
    before = toy.memory.counts["batch:admitted"]
    for at in range(0, len(raw), 7):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert toy.send(changed).code in {401, 422}
    assert toy.memory.counts["batch:admitted"] == before
    assert toy.send(raw).body["status"] == "admitted"


def test_c01_a_key_that_is_not_enrolled_is_not_believed(toy: Toy) -> None:
    answer = toy.send(toy.sealed(toy.content(), stranger()))
    assert (answer.code, answer.body["rule"]) == (401, "unknown_key")


def test_c02_an_edge_speaks_only_for_its_own_groups(toy: Toy) -> None:
    content = toy.content("edge-2", "fast")
    answer = toy.send(toy.sealed(content, signer("edge-2")))
    assert (answer.code, answer.body["rule"]) == (422, "not_owner")
    assert toy.memory.frame.value("tank/level") is None


def test_c02_an_edge_cannot_use_the_name_of_another(toy: Toy) -> None:
    answer = toy.send(toy.sealed(toy.content("edge-1"), signer("edge-2")))
    assert answer.code in {401, 422}
    assert toy.memory.frame.value("tank/level") is None


def test_c03_retransmission_replay_reordering_and_gaps_are_told_apart(toy: Toy) -> None:
    raws = []
    for _ in range(4):
        content = toy.content(values={"tank/level": 5.0})
        raws.append(toy.sealed(content))
        toy.seq["edge-1"] = toy.seq.get("edge-1", -1) + 1
        toy.now += SECOND // 10
    assert toy.send(raws[0]).body["status"] == "admitted"
    assert toy.send(raws[2]).body["status"] == "admitted"
    assert "gap" in toy.rules()
    level = toy.memory.frame.last("tank/level")
    assert toy.send(raws[1]).body["status"] == "admitted"
    assert "reorder" in toy.rules()
    assert toy.memory.frame.last("tank/level") == level, "late rows never become live"
    assert toy.send(raws[0]).body["status"] == "duplicate"
    assert "replay" not in toy.rules()
    toy.now += 3600 * SECOND
    assert toy.send(raws[0]).body["status"] == "replay"
    assert toy.memory.frame.last("tank/level") == level


@pytest.mark.parametrize("value", [11.0, -3.0, 1e300, np.nan, np.inf, -np.inf])
def test_c04_an_impossible_value_is_admitted_with_a_label_that_says_so(
    toy: Toy, value: float
) -> None:
    toy.read()
    answer = toy.read(values={"tank/level": value})
    assert answer.body["status"] == "admitted"
    assert int(answer.body["findings"]) > 0
    plausible = toy.memory.frame.label(["tank/level"], toy.now).axes[Axis.PLAUSIBILITY][0]
    assert plausible < 100
    assert toy.memory.frame.label(["tank/flow"], toy.now).axes[Axis.PLAUSIBILITY][0] > 200


@pytest.mark.parametrize("t", [0, 4_070_908_800 * SECOND, -(2**63), 2**63 - 1])
def test_c04_times_of_1970_and_2099_stop_nothing_and_change_nothing(toy: Toy, t: int) -> None:
    toy.read()
    before = toy.memory.frame.last("tank/level")
    toy.read(t_ns=[t], values={"tank/level": 6.0})
    assert "clock" in toy.rules()
    assert toy.memory.frame.last("tank/level") == before
    assert toy.read().body["status"] == "admitted"


def test_c05_another_plant_purpose_or_origin_never_enters_live_state(toy: Toy) -> None:
    other = toy.sealed(toy.content(header={"plant": "other"}), plant="other")
    assert toy.send(other).code == 401
    replayed = toy.sealed(toy.content(header={"origin": Origin.REPLAY}))
    answer = toy.send(replayed)
    assert (answer.code, answer.body["rule"]) == (422, "wrong_origin")
    assert toy.memory.frame.value("tank/level") is None


def test_c03_a_batch_of_an_old_epoch_is_a_replay(toy: Toy) -> None:
    old = toy.sealed(toy.content())
    toy.send(toy.sealed(toy.content(header={"identity": Identity("edge-1", 1, 0)})))
    toy.now += 3600 * SECOND
    assert toy.send(old).body["status"] == "replay"
    assert toy.now > START
