"""A command's record over a restart, and what an approver signs."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.commands.register import (
    Approval,
    Record,
    read_record,
    reasons_content,
    shown,
    write_record,
)
from twinvouch.core.command import (
    Basis,
    Command,
    CommandStatus,
    Decision,
    Input,
    Margin,
    Part,
    Reason,
    Verdict,
)
from twinvouch.wire.cbor import decode, encode

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBER = st.integers(0, 2**63 - 1)
INDEX = st.integers(-1, 2**63 - 1)
AXIS = st.integers(0, 255)
COMMANDS = st.builds(
    Command,
    id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    principal=TEXT,
    tag=TEXT,
    value=st.floats(allow_nan=False, allow_infinity=False),
    unit=TEXT,
    made_ns=NUMBER,
    inputs=st.lists(st.builds(Input, TEXT, NUMBER), max_size=3).map(tuple),
    reason=TEXT,
    signed=st.booleans(),
)
REASONS = st.builds(Reason, TEXT, st.sampled_from(list(Verdict)), TEXT, TEXT)
DECISIONS = st.builds(
    Decision,
    command=TEXT,
    verdict=st.sampled_from(list(Verdict)),
    reasons=st.lists(REASONS, max_size=3).map(tuple),
    axes=st.tuples(AXIS, AXIS, AXIS, AXIS),
    parents=st.lists(NUMBER, max_size=3).map(tuple),
    approvals=st.integers(0, 9),
    approvals_needed=st.integers(0, 9),
)
RECORDS = st.builds(
    Record,
    command=COMMANDS,
    digest=st.binary(min_size=32, max_size=32),
    entry=NUMBER,
    decision=DECISIONS,
    decision_entry=NUMBER,
    status=st.sampled_from(list(CommandStatus)),
    received_ns=NUMBER,
    expires_ns=NUMBER,
    approvals=st.lists(st.builds(Approval, TEXT, st.binary(max_size=32), NUMBER), max_size=2).map(
        tuple
    ),
    permit_nonce=st.binary(max_size=16),
    permit_entry=INDEX,
    issued_ns=NUMBER,
    spent_ns=NUMBER,
    outcome=TEXT,
    outcome_entry=INDEX,
).map(lambda r: replace(r, decision=replace(r.decision, command=r.command.id)))


@given(RECORDS)
def test_a_stored_record_is_the_same_record(record: Record) -> None:
    again = read_record(write_record(record))
    assert again == record
    assert shown(again.command, again.decision) == shown(record.command, record.decision)


@given(RECORDS)
def test_a_whole_number_stays_a_number_of_its_kind(record: Record) -> None:
    command = replace(record.command, value=float(round(min(abs(record.command.value), 1e6))))
    again = read_record(write_record(replace(record, command=command)))
    assert isinstance(again.command.value, float)
    assert again.command.value == command.value


COMMAND = Command("00" * 16, "twin", "pump/run", 1.0, "1", 5, (Input("tank/level", 3),), "because")
DECISION = Decision(
    COMMAND.id,
    Verdict.HOLD,
    (Reason("label", Verdict.HOLD, "too low", "would be"), Reason("approval", Verdict.HOLD, "0")),
    (1, 2, 3, 4),
    (3,),
    0,
    2,
)


@pytest.mark.parametrize(
    "change",
    [
        {"value": 0.0},
        {"tag": "pump/stop"},
        {"unit": "rpm"},
        {"principal": "other"},
        {"reason": ""},
        {"made_ns": 6},
        {"inputs": ()},
        {"inputs": (Input("tank/level", 4),)},
        {"signed": False},
    ],
)
def test_another_command_is_shown_as_another(change: dict[str, object]) -> None:
    assert shown(replace(COMMAND, **change), DECISION) != shown(COMMAND, DECISION)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": Verdict.DENY},
        {"axes": (1, 2, 3, 5)},
        {"reasons": DECISION.reasons[:1]},
        {"reasons": DECISION.reasons[::-1]},
        {"reasons": (replace(DECISION.reasons[0], sentence="other"), DECISION.reasons[1])},
        {"reasons": (replace(DECISION.reasons[0], counterfactual=""), DECISION.reasons[1])},
    ],
)
def test_another_decision_is_shown_as_another(change: dict[str, object]) -> None:
    assert shown(COMMAND, replace(DECISION, **change)) != shown(COMMAND, DECISION)  # type: ignore[arg-type]


BASIS = Basis(
    *("C", (100, 150, 100, 0), 1, (Part("tank/level", (1, 2, 3, 4), "not fresh", 7),), 30),
    Margin("net", "level", -0.12, 1200.0, 21600.0, 5, 1e-9, 0.56),
)


@pytest.mark.parametrize(
    "basis", [None, BASIS, replace(BASIS, margin=None), replace(BASIS, parts=())]
)
def test_what_a_decision_rested_on_is_kept_with_it_and_not_shown_to_approvers(
    basis: Basis | None,
) -> None:
    decision = replace(DECISION, basis=basis)
    record = Record(COMMAND, b"", 1, decision, 2, CommandStatus.HELD, 3, 4)
    assert read_record(write_record(record)) == record
    assert shown(COMMAND, decision) == shown(COMMAND, DECISION)


def test_a_record_of_an_earlier_version_has_no_basis() -> None:
    record = Record(COMMAND, b"", 1, DECISION, 2, CommandStatus.HELD, 3, 4)
    content: Any = decode(write_record(record))
    del content[4][6]
    assert read_record(encode(content)) == record


def test_the_reasons_that_the_ledger_names_are_plain_data_in_order() -> None:
    assert reasons_content(DECISION) == [
        ["label", "hold", "too low", "would be"],
        ["approval", "hold", "0", ""],
    ]


def test_a_record_explains_changes_of_its_actuator() -> None:
    record = Record(COMMAND, b"d", 1, DECISION, 2, CommandStatus.PERMITTED, 5, 9, permit_entry=7)
    write = record.as_write()
    assert (write.tag, write.value, write.permit, write.is_over) == ("pump/run", 1.0, 7, False)
    assert record.is_open
    over = replace(record, status=CommandStatus.UNKNOWN)
    assert over.as_write().is_over
    assert not over.is_open
