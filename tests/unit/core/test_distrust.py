"""What persons distrust, as tags, keys and models; and who signed what a scan group shows."""

from dataclasses import replace

import numpy as np
import pytest
from tests.claims.site import make_site, signer

from twinvouch.core.distrust import (
    MOST,
    Distrust,
    Hands,
    Known,
    by_hand,
    expand,
    handed,
    signed_with,
)
from twinvouch.core.inventory import key_id
from twinvouch.core.subject import Subject, owner_of, subject_of

PLANT = make_site().plant
FAST, SLOW = PLANT.groups["fast"].ids, PLANT.groups["slow"].ids
EDGE_KEY = key_id(signer("edge-1").public_key)
TWIN_KEY = key_id(signer("twin").public_key)


def known(
    hands: dict[str, Hands] | None = None, entries: dict[str, list[int]] | None = None
) -> Known:
    at = entries or {"fast": [5] * len(FAST), "slow": [6] * len(SLOW)}
    signed = {"fast": ((0, EDGE_KEY),)} if hands is None else hands
    return Known(PLANT, None, ("normal",), signed, lambda group: np.array(at[group], np.int64))


def test_nothing_is_distrusted_where_nobody_said_so() -> None:
    assert expand({}, known()) == Distrust()


def test_a_tag_is_itself_and_an_edge_every_tag_of_it() -> None:
    assert expand({"tank/level": 7}, known()).tags == {"tank/level": 7}
    assert expand({"edge-1": 7}, known()).tags == dict.fromkeys(FAST, 7)
    assert expand({"edge-2": 7}, known()).tags == dict.fromkeys(SLOW, 7)


def test_of_two_subjects_with_one_tag_the_later_end_counts_in_either_order() -> None:
    for said in ({"tank/level": 9, "edge-1": 7}, {"edge-1": 7, "tank/level": 9}):
        assert expand(said, known()).tags == {**dict.fromkeys(FAST, 7), "tank/level": 9}


def test_the_key_of_an_edge_is_what_it_signed_and_follows_the_group() -> None:
    found = expand({EDGE_KEY.hex(): 7}, known())
    assert found.tags == dict.fromkeys(FAST, 7)
    assert (found.keys, found.follows) == ({EDGE_KEY: 7}, ("fast",))
    after = known({"fast": ((0, EDGE_KEY), (5, b"other678"))})
    assert expand({EDGE_KEY.hex(): 7}, after).tags == {}


def test_in_a_group_by_exception_each_tag_follows_its_own_entry() -> None:
    hands = {"fast": ((0, EDGE_KEY), (5, b"other678"))}
    entries = {"fast": [4, 5, *[6] * (len(FAST) - 2)]}
    assert expand({EDGE_KEY.hex(): 7}, known(hands, entries)).tags == {FAST[0]: 7}


def test_the_key_of_a_service_is_no_tag_and_a_model_is_a_model() -> None:
    found = expand({TWIN_KEY.hex(): 7, "normal": 8}, known())
    assert (found.tags, found.keys, found.models) == ({}, {TWIN_KEY: 7}, {"normal": 8})


def test_what_means_nothing_any_more_is_nothing() -> None:
    assert expand({"gone/tag": 7, "ab" * 8: 7, "old-model": 7}, known()) == Distrust()


def test_hands_change_only_with_the_key_and_are_bounded() -> None:
    hands = handed((), 3, b"a")
    assert handed(hands, 4, b"a") is hands
    assert handed(hands, 4, b"b") == ((3, b"a"), (4, b"b"))
    for n in range(100):
        hands = handed(hands, 10 + n, bytes([n % 2]))
    assert len(hands) == MOST


@pytest.mark.parametrize(("entry", "signed"), [(2, "ab"), (3, "a"), (7, "a"), (8, "b")])
def test_what_is_older_than_what_is_remembered_counts_as_signed_with_any_key(
    entry: int, signed: str
) -> None:
    hands = ((3, b"a"), (8, b"b"))
    at = np.array([entry])
    assert [k for k in "ab" if signed_with(hands, k.encode(), at)[0]] == list(signed)
    assert by_hand((), at).tolist() == [0]


def test_names_are_looked_for_as_tag_principal_key_and_model() -> None:
    def of(text: str) -> Subject | None:
        return subject_of(PLANT, None, ("normal",), text)

    assert of("tank/level") == Subject("tag", "tank/level")
    assert of("edge-1") == Subject("principal", "edge-1")
    assert of(EDGE_KEY.hex().upper()) == Subject("key", EDGE_KEY.hex())
    assert of("normal") == Subject("model", "normal")
    assert [of(t) for t in ("", "zz", "00" * 8, "é")] == [None] * 4
    assert owner_of(replace(PLANT, principals={}), None, EDGE_KEY) == ""
