from hypothesis import given
from hypothesis import strategies as st

from twinvouch.readings.refusals import MANY, MAX_PEERS, MINUTE_NS, Tallies, count, due


def test_the_first_of_its_minute_is_told_at_once_and_the_rest_as_a_count() -> None:
    tallies: Tallies = {}
    assert [count(tallies, "p", "malformed", i) for i in range(4)] == [True, False, False, False]
    assert due(tallies, MINUTE_NS - 1) == []
    ((peer, tally),) = due(tallies, MINUTE_NS)
    assert (peer, dict(tally.counts), tally.since_ns) == ("p", {"malformed": 3}, 0)
    assert tallies == {}
    assert count(tallies, "p", "malformed", MINUTE_NS)


def test_one_refusal_makes_one_entry() -> None:
    tallies: Tallies = {}
    count(tallies, "p", "malformed", 0)
    assert [dict(t.counts) for _, t in due(tallies, MINUTE_NS)] == [{}]
    assert tallies == {}


def test_the_noise_of_one_rule_does_not_hide_another() -> None:
    tallies: Tallies = {}
    for i in range(100):
        count(tallies, "p", "replay", i)
    assert count(tallies, "p", "equivocation", 101)


def test_very_many_peers_share_one_tally() -> None:
    tallies: Tallies = {}
    told = [count(tallies, f"p{i}", "malformed", 0) for i in range(MAX_PEERS + 3)]
    assert told == [True] * (MAX_PEERS + 1) + [False, False]
    assert len(tallies) == MAX_PEERS + 1
    many = [(p, dict(t.counts)) for p, t in due(tallies, MINUTE_NS) if t.counts]
    assert many == [(MANY, {"malformed": 2})]


EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(("x", "y")), st.integers(0, 10**10)),
    max_size=60,
)


@given(EVENTS)
def test_nothing_is_lost_or_counted_twice(events: list[tuple[str, str, int]]) -> None:
    tallies: Tallies = {}
    now, told = 0, 0
    for peer, rule, wait in events:
        now += wait
        told += count(tallies, peer, rule, now)
        told += sum(sum(t.counts.values()) for _, t in due(tallies, now))
    told += sum(sum(t.counts.values()) for _, t in due(tallies, now + MINUTE_NS))
    assert told == len(events)


@given(st.permutations(["c", "a", "b"]))
def test_the_order_of_peers_does_not_depend_on_who_came_first(peers: list[str]) -> None:
    tallies: Tallies = {}
    for peer in peers * 2:
        count(tallies, peer, "malformed", 0)
    assert [p for p, _ in due(tallies, MINUTE_NS)] == ["a", "b", "c"]
