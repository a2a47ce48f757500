"""The result of a demo, for machines and for people."""

import json
from dataclasses import replace
from typing import Any

from twinvouch.lab import report
from twinvouch.lab.doubted import Doubt
from twinvouch.lab.report import Report
from twinvouch.lab.scenario import ATTACKS, Observation
from twinvouch.lab.spoofed import Course, Estimated, Executed, Found, Held, Spoofed

NAMES = [
    "ramp_in",
    "sensor_replay",
    "offset",
    "ramp_out",
    "replay",
    "forged_edge",
    "tampered",
    "dropped",
    "reordered",
    "hostile_command",
    "direct_write_role",
    "direct_write_legacy",
]


WRONG: list[dict[str, Any]] = [
    {"exact": False},
    {"states": 0},
    {"advice": 0},
    {"commands": 0},
    {"executed": 0, "rewind_held": 0},
    {"rewind_faithful": False},
    {"rewind_held": 1},
    {"rewound_trust": 120},
    {"rewound_trust": None, "trust": None},
]


def doubt() -> Doubt:
    return Doubt(
        tag="tank-1/level",
        lied_m=0.16,
        since_ns=1,
        until_ns=2,
        disavowal="800",
        by=("engineer-1", "engineer-2"),
        states=41,
        advice=1,
        commands=2,
        executed=2,
        touched=90,
        exact=True,
        receipt_of="1f3c",
        rewind_faithful=True,
        rewind_decisions=2,
        rewind_held=2,
        trust=120,
        rewound_trust=0,
    )


FOUND = Found(6.0, "redundancy", "two gauges differ", 60)
HELD = Held("9a", 20.0, "held", 90.0, ("label", "look-ahead"))
ESTIMATE = Estimated(21.0, 3.8, 3.6, 4.1, 3.9, ("station-2/inflow",))
EXECUTED = Executed("77", 140.0, "estimated level 2.7 m")
TRUE = Course(2.3, 4.1, (0.5, 5.5), 0.0)
NOT_SAFE: list[dict[str, Any]] = [
    {"found": replace(FOUND, trust=120)},
    {"found": replace(FOUND, minute=30.0)},
    {"trust_after": 60},
    {"held": replace(HELD, verdict="executed")},
    {"held": replace(HELD, minute=200.0)},
    {"counts_min": 100.0},
    {"estimate": replace(ESTIMATE, true_m=4.2)},
    {"true": replace(TRUE, highest_m=5.6)},
    {"true": replace(TRUE, lowest_m=0.4)},
    {"true": replace(TRUE, spilled_m3=0.1)},
]


def spoof() -> Spoofed:
    return Spoofed(
        tag="tower/level",
        lied_m=2.0,
        lied_min=221.0,
        trust=120,
        found=FOUND,
        held=HELD,
        estimate=ESTIMATE,
        executed=EXECUTED,
        counts_min=230.0,
        trust_after=120,
        true=TRUE,
    )


def good() -> Report:
    rows = tuple(report.row(a, Observation(a.expected, "said", 0.1234, 5)) for a in ATTACKS)
    return Report(
        attacks=rows,
        commands_executed=3,
        unsafe_commands_executed=0,
        unpermitted_writes_seen=1,
        acknowledged_batches=500,
        lost_acknowledged_batches=0,
        ledger_verified=True,
        ledger_entries=900,
        ledger_head="ab",
        witnessed_entries=890,
        receipt_verified=True,
        doubt=doubt(),
        spoof=spoof(),
        core_pss_mb=120.0,
        total_pss_mb=250.0,
        setup_s=None,
        seconds=61.0,
        directory="somewhere",
    )


def test_the_names_of_attacks_and_keys_are_the_stable_ones() -> None:
    plain = json.loads(json.dumps(good().as_plain()))
    assert [a["name"] for a in plain["attacks"]] == NAMES
    assert set(plain["attacks"][0]) == {
        "name",
        "expected",
        "observed",
        "ok",
        "seconds",
        "entry",
        "what",
    }
    assert {
        "unsafe_commands_executed",
        "unpermitted_writes_seen",
        "lost_acknowledged_batches",
        "ledger_verified",
        "core_pss_mb",
        "total_pss_mb",
        "setup_s",
        "ledger_head",
        "doubt",
        "spoof",
    } <= set(plain)


def test_no_lie_is_expected_to_be_believed_and_nothing_is_ever_called_blocked() -> None:
    expected = {a.name: a.expected for a in ATTACKS}
    assert expected["ramp_in"] == expected["sensor_replay"] == "detected"
    assert expected["direct_write_legacy"] == "detected"
    assert set(expected.values()) == {"detected", "refused"}


def test_one_wrong_outcome_or_one_loss_is_enough_to_fail() -> None:
    whole = good()
    assert whole.ok
    wrong = report.row(ATTACKS[0], Observation("admitted", "no finding", 8.0))
    assert not wrong.ok
    for broken in (
        replace(whole, attacks=(wrong, *whole.attacks[1:])),
        replace(whole, commands_executed=0),
        replace(whole, unsafe_commands_executed=1),
        replace(whole, lost_acknowledged_batches=1),
        replace(whole, ledger_verified=False),
        replace(whole, witnessed_entries=0),
        replace(whole, receipt_verified=False),
        *(replace(whole, doubt=replace(doubt(), **wrong)) for wrong in WRONG),
        *(replace(whole, spoof=replace(spoof(), **wrong)) for wrong in NOT_SAFE),
    ):
        assert not broken.ok


def test_the_table_shows_what_happened_and_marks_what_was_not_expected() -> None:
    seen = report.row(ATTACKS[0], Observation("admitted", "no\x1b[2Jfinding", 8.0))
    text = report.line(ATTACKS[0], seen)
    assert "admitted !" in text
    assert "\x1b" not in text
    lines = report.summary(replace(good(), core_pss_mb=None, setup_s=12.0, ledger_verified=False))
    assert "memory: not measured; took 61 s, set-up before it 12 s" in lines
    assert any("NOT VERIFIED" in line for line in lines)
    assert any("a witness stands for 890 of 900 entries" in line for line in lines)
    assert any("41 states, 1 advice, 2 commands (2 executed)" in line for line in lines)
    wrong = replace(good(), doubt=replace(doubt(), exact=False))
    assert any("NOT EXACT" in line for line in report.summary(wrong))
    assert any("2.30 to 4.10 m, inside its limits" in line for line in lines)
    high = replace(good(), spoof=replace(spoof(), true=replace(TRUE, highest_m=6.0)))
    assert any("6.00 m, NOT INSIDE its limits" in line for line in report.summary(high))
    alone = replace(good(), witnessed_entries=None, receipt_verified=None, doubt=None, spoof=None)
    assert alone.ok
    assert not any("witness" in line or "rewind" in line for line in report.summary(alone))
