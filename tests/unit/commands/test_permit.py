from dataclasses import replace

import pytest

from tests.unit.commands.world import (
    LAMP,
    NOW,
    SECOND,
    SPEED,
    VALVE,
    command,
    decide,
    plant,
    policy,
    site,
)
from twinvouch.commands.permit import Stamp, make
from twinvouch.core.command import Verdict
from twinvouch.core.errors import UsageError
from twinvouch.core.inventory import Encoding, Limits, Table
from twinvouch.wire.words import from_words

STAMP = Stamp(decision=7, approvals_digest=b"a" * 32, mode_epoch=3, nonce=b"n" * 16, now_ns=NOW)


def test_a_permit_says_what_where_until_when_and_why():
    asked = command()
    permit = make(asked, decide(asked), site(), STAMP)
    assert (permit.plant, permit.command, permit.tag) == ("net3", asked.id, SPEED)
    assert (permit.device, permit.unit, permit.table, permit.address) == (
        "plc-1",
        1,
        Table.HOLDING,
        0,
    )
    assert permit.encoding is Encoding.F32
    assert from_words(permit.words, plant().tags[SPEED].point) == 40.0
    assert (permit.decision, permit.mode_epoch, permit.nonce) == (7, 3, b"n" * 16)
    assert permit.expires_ns == NOW + 5 * SECOND
    assert permit.policy_digest == policy().digest
    assert (permit.config_digest, permit.approvals_digest) == (bytes(32), b"a" * 32)


@pytest.mark.parametrize(
    ("tag", "value"), [(VALVE, 0.5), (VALVE, 0.4996), (LAMP, 1.0), (SPEED, 0.1)]
)
def test_the_words_decode_to_the_value_within_limits(tag, value):
    asked = command(tag, value)
    permit = make(asked, decide(asked), site(), STAMP)
    point, limits = plant().tags[tag].point, plant().tags[tag].limits
    said = from_words(permit.words, point)
    assert limits.low <= said <= limits.high
    assert said == pytest.approx(value, abs=0.0005)


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.ALLOW])
def test_no_permit_without_an_allow(verdict):
    decision = replace(decide(command()), verdict=verdict)
    with pytest.raises(UsageError, match="was not allowed"):
        make(command(), decision, site(), STAMP)


def test_a_decision_on_one_command_permits_no_other():
    with pytest.raises(UsageError, match="was not allowed"):
        make(command(id="cd" * 16), decide(command()), site(), STAMP)


def test_a_value_outside_the_limits_gets_no_permit_even_with_an_allow():
    built = plant()
    tag = replace(built.tags[SPEED], limits=Limits(0, 39))
    on = site(plant=plant(tags={**built.tags, SPEED: tag}))
    with pytest.raises(UsageError, match="within its limits"):
        make(command(), decide(command()), on, STAMP)


@pytest.mark.parametrize("bad", [{"nonce": b"short"}, {"approvals_digest": b""}])
def test_nonce_and_digest_have_their_length(bad):
    with pytest.raises(UsageError, match="16 bytes"):
        make(command(), decide(command()), site(), replace(STAMP, **bad))
