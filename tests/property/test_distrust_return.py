"""Nothing that a distrusted source says, or what fails together with it, returns its trust; nor does time."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.trio import FLOW, LEVEL, ROOF, Trio, trio_site
from twinvouch.core.site import DistrustRules
from twinvouch.core.statement import Verb

RULES = DistrustRules(clean_readings=3, returns_by_evidence=True)
VALUES = st.sampled_from([0.0, 4.6, 5.0, 5.0, 5.0, 5.4, 9.0, 11.0, float("nan")])


def steps(*tags: str) -> st.SearchStrategy[list[tuple[str, float]]]:
    said = st.tuples(st.sampled_from(tags), VALUES)
    return st.lists(st.one_of(said, st.tuples(st.just("wait"), st.floats(0.1, 60.0))), max_size=40)


def played(domains: tuple[int, int, int], play: list[tuple[str, float]]) -> Trio:
    with tempfile.TemporaryDirectory() as folder:
        toy = Trio(Path(folder), trio_site(RULES, domains))
        toy.all_say(5.0)
        toy.say("bob", Verb.DISTRUST, LEVEL, life_s=30 * 86_400)
        for what, number in play:
            if what == "wait":
                toy.wait(number)
            else:
                toy.now += 1_000_000_000
                toy.says(what, number)
        toy.core.close()
        return toy


@settings(max_examples=60, deadline=None)
@given(steps(LEVEL))
def test_no_readings_of_a_distrusted_source_restore_it(play: list[tuple[str, float]]) -> None:
    """The others agree with it at first, and then say nothing more."""
    toy = played((1, 2, 3), play)
    assert LEVEL in toy.memory.distrusted
    assert toy.memory.watched[LEVEL].clean <= 1, "one reading beside what was there already"


@settings(max_examples=60, deadline=None)
@given(steps(LEVEL, ROOF))
def test_no_readings_of_it_and_of_what_fails_with_it_restore_it(
    play: list[tuple[str, float]],
) -> None:
    toy = played((1, 1, 2), play)
    assert LEVEL in toy.memory.distrusted
    assert "restorable" not in toy.rules()


@settings(max_examples=60, deadline=None)
@given(steps(LEVEL, ROOF))
def test_one_other_source_is_not_enough(play: list[tuple[str, float]]) -> None:
    """With three that are independent an attacker who owns the tag and one more still cannot."""
    toy = played((1, 2, 3), play)
    assert LEVEL in toy.memory.distrusted


@settings(max_examples=60, deadline=None)
@given(steps(LEVEL, ROOF, FLOW))
def test_it_returns_only_after_as_many_readings_of_every_other(
    play: list[tuple[str, float]],
) -> None:
    toy = played((1, 2, 3), play)
    if LEVEL not in toy.memory.distrusted:
        said = [tag for tag, _ in play]
        fewest = min(said.count(tag) for tag in (LEVEL, ROOF, FLOW))
        assert fewest >= RULES.clean_readings - 1
