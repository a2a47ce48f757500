"""Every rule of gate 1 has its heading, its technique and its numbers on the page."""

import re
from pathlib import Path

from twinvouch.readings import clock, gate, labelling, late, reports, sequence, verify
from twinvouch.readings.validate import finite, quality, rate, stale, unpermitted_actuation
from twinvouch.readings.validate import range as range_rule

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "readings-rules.md"
VALIDATE = Path(gate.__file__).parent / "validate"
RULES = (finite, quality, range_rule, rate, stale, unpermitted_actuation)


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\S+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_rule_has_a_heading_and_no_heading_is_without_a_rule() -> None:
    names = {rule.NAME for rule in (*RULES, clock, late)} | set(sequence.NAMES) | set(verify.NAMES)
    names |= set(reports.NAMES)
    assert set(sections()) == names


def test_a_rules_file_is_named_after_it() -> None:
    files = {p.stem for p in VALIDATE.glob("*.py")} - {"__init__"}
    assert files == {rule.NAME for rule in RULES}
    assert set(gate.RULES) | {unpermitted_actuation} == set(RULES)


def test_every_section_says_what_it_does_to_the_label_and_what_it_does_not_claim() -> None:
    for name, text in sections().items():
        assert "*Label:*" in text, name
        assert "*Limits:*" in text, name
        assert re.search(r"\*ATT&CK:\* (T0\d{3}|none)", text), name


def test_techniques_and_caps_are_those_of_the_code() -> None:
    page = sections()
    for rule in (*RULES, clock, late):
        assert f"*ATT&CK:* {rule.TECHNIQUE or 'none'}" in page[rule.NAME], rule.NAME
    for name, technique in (verify.TECHNIQUES | sequence.TECHNIQUES | reports.TECHNIQUES).items():
        assert f"*ATT&CK:* {technique or 'none'}" in page[name], name
    for rule in (finite, quality, range_rule, rate, stale):
        assert f"at most {rule.CAP}" in page[rule.NAME], rule.NAME
    assert f"at most {quality.CAP_UNCERTAIN}" in page["quality"]
    for name in ("chain", "epoch"):
        assert f"at most {sequence.CAP}" in page[name]
    assert f"calibration {labelling.OVERDUE}" in PAGE.read_text("utf-8")
