"""Every rule of gates 2 and 4 has its heading, and what the policy page shows is a policy."""

import re
from pathlib import Path

from twinvouch.adapters.cedar import CedarPolicy, default_texts
from twinvouch.commands import (
    advice,
    approval,
    authority,
    break_glass,
    capability,
    clamp,
    count,
    deadline,
    derivation,
    disk,
    dwell,
    form,
    interlock,
    joint,
    limits,
    lookahead,
    not_acting,
    own,
    ramp,
    rate,
    response,
    safe_action,
    second_model,
    sequence,
    travel,
)
from twinvouch.models import gate as models_gate

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"


def headings(page: str) -> set[str]:
    return set(re.findall(r"^## (\S+)$", (DOCS / page).read_text("utf-8"), re.MULTILINE))


def test_every_rule_has_a_heading() -> None:
    past = (rate, ramp, travel, count, dwell, sequence, joint)
    stages = (
        form,
        capability,
        authority,
        disk,
        limits,
        *past,
        interlock,
        derivation,
        lookahead,
        safe_action,
        clamp,
        break_glass,
        not_acting,
        own,
        second_model,
        response,
        deadline,
        approval,
        advice,
    )
    assert headings("commands-rules.md") == {name for stage in stages for name in stage.NAMES}
    assert headings("models-rules.md") == set(models_gate.NAMES)


def test_the_policy_shown_fits_the_schema_and_every_action_is_on_the_page() -> None:
    page = (DOCS / "policy.md").read_text("utf-8")
    text, schema = default_texts()
    (shown,) = re.findall(r"```cedar\n(.*?)```", page, re.DOTALL)
    assert len(CedarPolicy(text + shown, schema).digest) == 32
    declared = " ".join(
        re.findall(r"^action ([\w, ]+?)\s+appliesTo", schema, re.MULTILINE)
    ).replace(",", " ")
    named = {
        a
        for row in re.findall(r"^\| ([\w, ]+) \| \w+ \|", page, re.MULTILINE)
        for a in row.split(", ")
    }
    assert len(declared.split()) >= 17
    assert set(declared.split()) <= named
