"""Failures before authentication: one event a minute, whatever their number, in bounded memory."""

from twinvouch.app.api.strangers import MAX_PEERS, MINUTE_NS, TOLD_PEERS, Strangers

SALT = bytes(16)
SECOND = 1_000_000_000


def test_the_first_of_each_rule_is_told_with_the_next_tick_the_rest_once_a_minute() -> None:
    strangers = Strangers()
    assert strangers.due(SALT, 0) is None
    told = []
    for second in range(180):
        now = second * SECOND
        for _ in range(100):
            strangers.count("bad_signature", "203.0.113.9", now)
        if second == 30:
            strangers.count("quota", "203.0.113.9", now)
        event = strangers.due(SALT, now)
        if event is not None:
            told.append((second, dict(event.rules)))
    assert [s for s, _ in told] == [0, 30, 90, 150]
    assert told[1][1] == {"bad_signature": 3_000, "quota": 1}
    last = strangers.due(SALT, 180 * SECOND, at_once=True)
    assert last is not None
    assert sum(r["bad_signature"] for _, r in told) + dict(last.rules)["bad_signature"] == 18_000


def test_millions_of_addresses_take_no_more_memory_and_the_loudest_is_named() -> None:
    strangers = Strangers()
    for number in range(20_000):
        strangers.count("unknown_key", f"198.51.{number}", 0)
        if number % 4 == 0:
            strangers.count("unknown_key", "203.0.113.9", 0)
    event = strangers.due(SALT, 0)
    assert event is not None
    assert dict(event.rules) == {"unknown_key": 25_000}
    assert len(event.peers) == TOLD_PEERS <= MAX_PEERS
    peer, count = event.peers[0]
    assert peer == "203.0.113.9"
    assert count >= 5_000


def test_what_could_not_be_handed_over_is_counted_with_the_next() -> None:
    strangers = Strangers()
    strangers.count("quota", "a", 7)
    event = strangers.due(SALT, 7)
    assert event is not None
    strangers.put_back(event)
    strangers.count("quota", "a", 9)
    again = strangers.due(SALT, 7 + MINUTE_NS)
    assert again is not None
    assert (again.since_ns, dict(again.rules), dict(again.peers)) == (7, {"quota": 2}, {"a": 2})


def test_a_wall_clock_that_is_set_back_hides_no_flood() -> None:
    strangers = Strangers()
    strangers.count("quota", "a", 100 * MINUTE_NS)
    assert strangers.due(SALT, 100 * MINUTE_NS) is not None
    strangers.count("quota", "a", MINUTE_NS)
    assert strangers.due(SALT, MINUTE_NS) is not None, "not only in 100 minutes"
    strangers.count("quota", "a", MINUTE_NS + 1)
    assert strangers.due(SALT, MINUTE_NS + 1) is None
