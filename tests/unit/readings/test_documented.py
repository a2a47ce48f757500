"""Every rule of gate 1 has its heading, its technique and its numbers on the page."""

import re
from pathlib import Path

from twinvouch.readings import (
    clock,
    clock_drift,
    clock_jump,
    declared,
    gate,
    labelling,
    late,
    refusals,
    reports,
    sequence,
    verify,
    wall_step,
)
from twinvouch.readings.detect import explain
from twinvouch.readings.validate import (
    device_identity,
    finite,
    missing,
    quality,
    rate,
    stale,
    unpermitted_actuation,
)
from twinvouch.readings.validate import range as range_rule

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "readings-rules.md"
VALIDATE = Path(gate.__file__).parent / "validate"
CLOCKS = {m.NAME: m for m in (clock_drift, clock_jump, wall_step)}
RULES = (
    finite,
    quality,
    range_rule,
    rate,
    stale,
    device_identity,
    missing,
    unpermitted_actuation,
    *declared.RULES,
)


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\S+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_rule_has_a_heading_and_no_heading_is_without_a_rule() -> None:
    names = (
        {rule.NAME for rule in RULES}
        | {clock.NAME, late.NAME, *CLOCKS}
        | set(sequence.NAMES)
        | set(verify.NAMES)
    )
    names |= set(reports.NAMES)
    names |= set(refusals.TECHNIQUES)
    names |= set(explain.RULES)
    assert set(sections()) == names


def test_a_rules_file_is_named_after_it() -> None:
    files = {p.stem for p in VALIDATE.glob("*.py")} - {"__init__"}
    assert files == {rule.NAME for rule in RULES}
    others = {unpermitted_actuation, missing, *declared.RULES}
    assert set(gate.RULES) | others == set(RULES)


def test_every_section_says_what_it_does_to_the_label_and_what_it_does_not_claim() -> None:
    for name, text in sections().items():
        assert "*Label:*" in text, name
        assert "*Limits:*" in text, name
        assert re.search(r"\*ATT&CK:\* (T0\d{3}|none)", text), name


def test_techniques_and_caps_are_those_of_the_code() -> None:
    page = sections()
    for rule in (*RULES, clock, late, *CLOCKS.values()):
        assert f"*ATT&CK:* {rule.TECHNIQUE or 'none'}" in page[rule.NAME], rule.NAME
    others = (verify, sequence, reports, refusals)
    for name, technique in [pair for of in others for pair in of.TECHNIQUES.items()]:
        assert f"*ATT&CK:* {technique or 'none'}" in page[name], name
    for rule in (*gate.RULES, *declared.RULES):
        assert f"at most {rule.CAP}" in page[rule.NAME], rule.NAME
    assert f"at most {quality.CAP_UNCERTAIN}" in page["quality"]
    for name in ("chain", "epoch"):
        assert f"at most {sequence.CAP}" in page[name]
    assert f"calibration {labelling.OVERDUE}" in PAGE.read_text("utf-8")
