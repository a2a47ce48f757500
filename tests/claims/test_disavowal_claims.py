"""C40: who may doubt the past alone, that nothing is left out, and that it is bounded and shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.claims.disavowals import Doubting, doubting_site
from tests.claims.site import START, published, reply
from twinvouch.commands.register import shown
from twinvouch.core.command import CommandStatus
from twinvouch.core.disavowal import Stage
from twinvouch.core.event import Append, Effect, Started, Trace
from twinvouch.core.inventory import CommandClass
from twinvouch.core.kind import Kind
from twinvouch.core.label import FULL
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.wire.cbor import decode

HOUR = 3600


def used(tmp_path: Path, **rules: Any) -> Doubting:
    """A plant in which a service has read and written: 2 batches, an answer, a command with decision and permit."""
    toy = Doubting(tmp_path, doubting_site(**rules))
    toy.read()
    toy.wait(1)
    toy.read()
    toy.ask("twin", "readTags", ("tank/level",))
    toy.propose("valve/opening", 0.6)
    return toy


def stages(effects: Sequence[Effect]) -> list[str]:
    return [m["stage"] for m in published(effects, "disavowal")]


def label_of(toy: Doubting, tag: str = "tank/level") -> list[int]:
    axes: list[int] = toy.memory.label((tag,)).axes[:, 0].tolist()
    return axes


def test_c40_what_one_person_may_takes_effect_and_is_shown(tmp_path: Path) -> None:
    toy = used(tmp_path)
    answer, effects = toy.say_disavowed("ann")
    assert (answer.code, answer.body["status"]) == (200, "tracing")
    assert stages(effects) == ["tracing"]
    assert label_of(toy) == [0, 0, 0, 0], "at once, whatever it touches"
    told = toy.trace(effects)
    assert toy.last.stage is Stage.IN_EFFECT
    assert stages(told) == ["in_effect"]
    (message,) = published(told, "disavowal")
    assert message["readers"] == {"twin": 1}
    assert message["touched"]["permit"] == 1
    assert toy.rules()[-1] == "disavowal"
    assert toy.last.traced.highest == "C"


def test_c40_beyond_the_size_it_waits_for_another_person_who_signs_the_very_list(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path, second_person_above=3)
    toy.disavow("ann")
    assert toy.last.stage is Stage.WAITING
    assert toy.confirm("ann").code == 403, "the first person is no second one"
    assert toy.confirm("twin").code == 403, "a service is no person"
    assert toy.confirm("modeller").body["rule"] == "capability"
    assert toy.confirm("bob", shown=bytes(32)).code == 403, "another list"
    assert toy.confirm("bob", shown=b"").code == 403
    assert toy.last.stage is Stage.WAITING
    assert toy.confirm("bob").code == 200
    assert (toy.last.stage, toy.last.second) == (Stage.IN_EFFECT, "bob")
    assert toy.confirm("cid").code == 403, "it is in effect already"


def test_c40_a_permitted_command_of_a_high_class_needs_a_second_person_however_little_is_touched(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path, second_person_class=CommandClass.C)
    toy.disavow("ann")
    assert toy.last.stage is Stage.WAITING
    toy.wait(2)
    toy.disavow("ann", "roof/temperature")
    assert toy.last.stage is Stage.IN_EFFECT, "nothing rests on that one"


def test_c40_in_pieces_it_is_not_smaller(tmp_path: Path) -> None:
    toy = used(tmp_path, second_person_above=5)
    toy.disavow("ann", until_ns=toy.now - SECOND)
    assert toy.last.stage is Stage.IN_EFFECT
    assert 0 < toy.last.traced.touched < 5
    first = toy.last
    toy.disavow("ann", since_ns=toy.now - SECOND + 1)
    assert toy.last.stage is Stage.WAITING, "with what the same person has said alone today"
    assert toy.last.traced.touched <= 5
    toy.say("ann", Verb.REJECT, toy.last.id)
    toy.say("ann", Verb.WITHDRAW, first.id)
    toy.disavow("ann", since_ns=toy.now - SECOND + 1)
    assert toy.last.stage is Stage.WAITING, "taken back or not"
    toy.wait(25 * HOUR)
    toy.disavow("ann", until_ns=START + SECOND)
    assert toy.last.stage is Stage.IN_EFFECT, "a day later it is"


def test_c40_after_a_crash_before_the_trace_the_same_list_is_worked_out(tmp_path: Path) -> None:
    toy = used(tmp_path)
    _, effects = toy.say_disavowed("ann")
    (asked,) = [e for e in effects if isinstance(e, Trace)]
    before = toy.traced(asked)
    toy.core.close()
    toy.open()
    assert toy.last.stage is Stage.TRACING
    toy.read()  # the ledger went on
    started = Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "again")
    again = toy.core.feed(started, toy.now)
    assert [e for e in again if isinstance(e, Trace)] == [asked]
    after = toy.traced(asked)
    assert (after.digest, after.listed) == (before.digest, before.listed)
    toy.trace(again)
    assert toy.last.stage is Stage.IN_EFFECT
    size = toy.memory.size
    assert reply(toy.core.feed(after, toy.now)).body["status"] == "known", (
        "told twice it counts once"
    )
    assert toy.memory.size == size


def resting_on(entries: Sequence[bytes], tag_batches: set[int], end: int) -> set[int]:
    """By hand: what names one of these batches, or what names that, as parent, or was read by its service before."""
    found: set[int] = set()
    answered: dict[str, list[int]] = {}
    for index, raw in enumerate(entries[:end]):
        content: Any = decode(raw)
        kind, rest = content[1], content[5:]
        parents: set[int] = set()
        if kind == Kind.ENTRY_QUERY:
            answered.setdefault(rest[0], []).append(index)
            parents = {p if isinstance(p, int) else p[0] for p in rest[4][0]}
        elif kind in {Kind.ENTRY_COMMAND, Kind.ENTRY_DECISION}:
            told = rest[5] if kind == Kind.ENTRY_COMMAND else rest[4]
            parents = {p if isinstance(p, int) else p[0] for p in told[0]}
            if kind == Kind.ENTRY_COMMAND and told[2] >= 0:
                parents |= {a for a in answered.get(rest[1], []) if a >= told[2]}
        elif kind in {Kind.ENTRY_PERMIT, Kind.ENTRY_OUTCOME, Kind.ENTRY_STATEMENT}:
            parents = set(rest[{Kind.ENTRY_PERMIT: 3, Kind.ENTRY_OUTCOME: 2}.get(kind, 4)])
        if index in tag_batches or parents & (found | tag_batches):
            found.add(index)
    return found


def test_c40_nothing_that_rests_on_it_is_left_out_and_nothing_else_is_listed(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path)
    for _ in range(3):
        toy.wait(1)
        toy.read()
        toy.read("edge-2", "slow")
        toy.ask("ann", "readTags", ("roof/temperature",))
        toy.propose("pump/run", 1.0)
    end = toy.memory.size
    toy.disavow("ann", until_ns=START + 2 * SECOND)
    entries = toy.core.state.leaves(0, end)
    heads: list[Any] = [decode(raw) for raw in entries]
    bad = {
        n
        for n, c in enumerate(heads)
        if c[1] == Kind.ENTRY_BATCH and c[9] == "fast" and c[3] <= START + 2 * SECOND
    }
    stored = toy.core.state.blob(toy.last.traced.listed)
    raw: Any = decode(stored[16:])
    listed = set(np.frombuffer(raw, "<u8").tolist())
    assert bad <= listed
    assert listed == resting_on(entries, bad, end)
    assert toy.last.traced.touched == len(listed) < end


def test_c40_what_its_subject_said_then_counts_as_nothing_when_the_forward_distrust_is_over(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path)
    old = toy.memory.frame.entry("tank/level")
    toy.disavow("ann")
    assert toy.say("ann", Verb.RESTORE, "tank/level")[0].code == 200
    assert label_of(toy) == [0, 0, 0, 0], "the last value is of that time"
    arrival = toy.memory.arrivals[old]
    column = list(toy.site.plant.groups["fast"].ids).index("tank/level")
    assert not arrival.axes[:, column].any()
    others = np.delete(arrival.axes, column, axis=1)
    assert others.any(), "other tags of the same batch are as they were"
    toy.wait(1)
    toy.read()
    assert min(label_of(toy)[1:]) == FULL, "what it says now counts again"
    said, _ = toy.propose("valve/opening", 0.61)
    record = toy.memory.records[said.body["id"]]
    assert record.status is CommandStatus.HELD
    assert "as its reader saw it" in record.decision.why, "its service has read the old ones"
    toy.wait(700)
    toy.read()
    said, _ = toy.propose("valve/opening", 0.61)
    assert said.body["status"] == "permitted", "the window has passed"


def test_c40_a_held_command_that_rests_on_it_has_no_label_until_it_is_taken_back(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path)
    said, _ = toy.propose("pump/run", 1.0, inputs=())
    ident = str(said.body["id"])
    toy.disavow("ann")
    toy.say("ann", Verb.RESTORE, "tank/level")
    toy.wait(700)
    toy.read()
    held = toy.memory.records[ident]
    assert ident in toy.last.marked
    assert (held.status, held.decision.axes) == (CommandStatus.HELD, (0, 0, 0, 0))
    toy.say("bob", Verb.APPROVE, ident, shown=shown(held.command, held.decision))
    held = toy.memory.records[ident]
    assert "it rests on what was disavowed" in held.decision.why, "though its window has passed"
    toy.say("ann", Verb.WITHDRAW, toy.last.id)
    assert "disavowed" not in toy.memory.records[ident].decision.why


def test_c40_whom_it_is_about_can_neither_confirm_nor_reject_nor_withdraw_it(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path, second_person_above=0)
    toy.say("bob", Verb.DISTRUST, "tank/flow")
    toy.disavow("ann", "bob")
    assert toy.last.stage is Stage.WAITING
    assert toy.confirm("bob").code == 403
    assert toy.say("bob", Verb.REJECT, toy.last.id)[0].code == 403
    assert toy.confirm("cid").body["rule"] == "capability", "a person is not a tag"
    assert toy.say("ann", Verb.REJECT, toy.last.id)[0].code == 200
    assert toy.last.stage is Stage.REJECTED


def test_c40_what_took_two_is_taken_back_by_two(tmp_path: Path) -> None:
    toy = used(tmp_path, second_person_above=0)
    toy.disavow("ann")
    toy.confirm("bob")
    ident = toy.last.id
    assert toy.say("ann", Verb.WITHDRAW, ident)[0].code == 200
    assert toy.last.stage is Stage.IN_EFFECT
    assert toy.say("ann", Verb.WITHDRAW, ident)[0].code == 403
    assert toy.say("cid", Verb.WITHDRAW, ident)[0].code == 200
    assert toy.last.stage is Stage.WITHDRAWN
    assert toy.memory.disavowed == {}


def test_c40_what_nobody_confirms_expires_and_the_number_that_wait_is_bounded(
    tmp_path: Path,
) -> None:
    toy = used(tmp_path, second_person_above=0)
    for _ in range(16):
        assert toy.disavow("ann").code == 200
    assert "disavowals wait already" in str(toy.disavow("cid").body["why"])
    toy.wait(25 * HOUR)
    assert {d.stage for d in toy.memory.disavowals.values()} == {Stage.EXPIRED}
    assert toy.memory.distrusted == {}, "the forward distrust has ended by its own time"
    assert toy.disavow("cid").code == 200


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"until_ns": START + HOUR * SECOND}, "ends in the future"),
        ({"subject": "no/tag"}, "no tag, principal, key or model"),
        ({"principal": "bob"}, "cannot speak as person"),
        ({"made_ns": START + HOUR * SECOND}, "another time"),
        ({"person": "modeller"}, "policy"),
        ({"person": "twin"}, "cannot speak as person"),
        ({"person": "cid", "subject": "edge-1"}, "policy"),
    ],
)
def test_c40_a_disavowal_that_is_none_changes_nothing(
    tmp_path: Path, but: dict[str, Any], why: str
) -> None:
    toy = used(tmp_path)
    person, subject = but.pop("person", "ann"), but.pop("subject", "tank/level")
    answer, effects = toy.say_disavowed(person, subject, **but)
    assert answer.code == 403
    assert why in str(answer.body["why"])
    assert not [e for e in effects if isinstance(e, Trace)]
    assert toy.memory.disavowals == {}
    assert toy.memory.distrusted == {}
    kinds: list[Any] = [decode(e.entry) for e in effects if isinstance(e, Append)]
    assert {c[1] for c in kinds} <= {Kind.ENTRY_FINDING}


def test_c40_a_disavowal_is_used_once(tmp_path: Path) -> None:
    toy = used(tmp_path)
    assert toy.disavow("ann", nonce=b"n" * 16).code == 200
    assert toy.disavow("ann", nonce=b"n" * 16).code == 403
