"""Command, advice, statement, permit, outcome and manifest: what all six promise, and what each refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.wire.samples import ADVICE, COMMAND, MANIFEST, OUTCOME, PERMIT, PLANT, STATEMENT
from twinvouch.core.command import Input
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Encoding, Table
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.word_order import WordOrder
from twinvouch.wire import cbor
from twinvouch.wire.advice import read_advice, write_advice
from twinvouch.wire.command import read_command, write_command
from twinvouch.wire.manifest import read_manifest, write_manifest
from twinvouch.wire.outcome import read_outcome, write_outcome
from twinvouch.wire.permit import read_permit, write_permit
from twinvouch.wire.statement import read_statement, write_statement
from twinvouch.wire.words import word_count

Read = Callable[[bytes], Any]
CONTENTS: dict[Kind, tuple[Any, bytes, Read]] = {
    Kind.COMMAND: (COMMAND, write_command(COMMAND, PLANT), lambda c: read_command(c, PLANT)),
    Kind.ADVICE: (ADVICE, write_advice(ADVICE, PLANT), lambda c: read_advice(c, PLANT)),
    Kind.STATEMENT: (
        STATEMENT,
        write_statement(STATEMENT, PLANT),
        lambda c: read_statement(c, PLANT),
    ),
    Kind.PERMIT: (PERMIT, write_permit(PERMIT), read_permit),
    Kind.OUTCOME: (OUTCOME, write_outcome(OUTCOME, PLANT), lambda c: read_outcome(c, PLANT)),
    Kind.MANIFEST: (MANIFEST, write_manifest(MANIFEST, PLANT), lambda c: read_manifest(c, PLANT)),
}
VALUE = 7  # its place in advice
every = pytest.mark.parametrize("kind", CONTENTS)


@every
def test_what_was_written_is_read(kind: Kind) -> None:
    thing, content, read = CONTENTS[kind]
    assert read(content) == thing
    assert cbor.decode(content)[:3] == [VERSION, kind, PLANT]


@every
def test_every_truncation_and_extension_is_malformed(kind: Kind) -> None:
    _, content, read = CONTENTS[kind]
    for end in range(len(content)):
        with pytest.raises(MalformedError):
            read(content[:end])
    with pytest.raises(MalformedError):
        read(content + b"\0")


@every
def test_no_element_may_be_of_another_type(kind: Kind) -> None:
    _, content, read = CONTENTS[kind]
    items = cbor.decode(content)
    for place in range(len(items)):
        for wrong in (
            None,
            True,
            -1,
            2**64 - 1,
            float("nan"),
            [[]],
            {1: 2},
            "x" * 1_001,
            b"?",
        ):
            if kind is Kind.ADVICE and place == VALUE and wrong is None:
                continue  # advice without a number
            with pytest.raises(MalformedError):
                read(cbor.encode([*items[:place], wrong, *items[place + 1 :]]))


@every
def test_no_element_may_be_missing_or_more(kind: Kind) -> None:
    _, content, read = CONTENTS[kind]
    items = cbor.decode(content)
    for wrong in (items[:-1], [*items, None], [], {0: items}, items[0]):
        with pytest.raises(MalformedError):
            read(cbor.encode(wrong))


@every
def test_no_content_passes_as_another(kind: Kind) -> None:
    _, content, _ = CONTENTS[kind]
    for other, (_, _, read) in CONTENTS.items():
        if other is not kind:
            with pytest.raises(MalformedError):
                read(content)


@pytest.mark.parametrize(
    "read",
    [read_command, read_advice, read_statement, read_outcome, read_manifest],
    ids=lambda r: r.__name__,
)
def test_the_plant_is_checked(read: Callable[[bytes, str], object]) -> None:
    kind = Kind[read.__name__.removeprefix("read_").upper()]
    with pytest.raises(MalformedError, match="`plant`: expected `net4`, got `net3`"):
        read(CONTENTS[kind][1], "net4")


def test_a_permit_names_its_plant() -> None:
    assert read_permit(write_permit(replace(PERMIT, plant="net4"))).plant == "net4"


def test_a_command_vouched_for_by_a_token_is_not_signed() -> None:
    assert not read_command(CONTENTS[Kind.COMMAND][1], PLANT, signed=False).signed


def test_advice_may_be_without_a_number_and_vouched_for_by_a_token() -> None:
    words = replace(ADVICE, value=None, unit="", signed=False)
    assert read_advice(write_advice(words, PLANT), PLANT, signed=False) == words


@pytest.mark.parametrize(
    "change",
    [
        {"id": "xyz"},
        {"id": "00"},
        {"subject": ""},
        {"says": ""},
        {"says": " \u3000"},
        {"says": "two\nlines"},
        {"says": "x" * 1_001},
        {"value": float("nan")},
        {"value": float("-inf")},
        {"unit": "x" * 201},
        {"until_ns": 2**63},
        {"inputs": (Input("tank-1/level", -1),)},
    ],
)
def test_advice_that_nobody_would_read_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        write_advice(replace(ADVICE, **change), PLANT)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "xyz"},
        {"id": "00"},
        {"principal": ""},
        {"tag": "x" * 201},
        {"value": float("nan")},
        {"value": float("inf")},
        {"made_ns": -1},
        {"made_ns": 2**63},
        {"reason": "x" * 1_001},
        {"reason": "\ud800"},
        {"inputs": COMMAND.inputs * 501},
    ],
)
def test_a_command_that_nobody_would_read_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        write_command(replace(COMMAND, **change), PLANT)


@pytest.mark.parametrize(
    "change",
    [
        {"shown": b"\0" * 31},
        {"nonce": b"\0" * 15},
        {"expires_ns": STATEMENT.made_ns - 1},
        {"subject": "a\x00b"},
    ],
)
def test_a_statement_that_nobody_would_read_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        write_statement(replace(STATEMENT, **change), PLANT)


def test_a_statement_may_show_nothing() -> None:
    shown = replace(STATEMENT, shown=b"")
    assert read_statement(write_statement(shown, PLANT), PLANT) == shown


@pytest.mark.parametrize(
    "change",
    [
        {"unit": 256},
        {"address": 65_536},
        {"address": 65_535},  # the second word would lie outside
        {"words": ()},
        {"words": (1,)},
        {"words": (1, 2, 3)},
        {"words": (0, 65_536)},
        {"encoding": Encoding.U16},
        {"table": Table.INPUT},
        {"table": Table.DISCRETE},
        {"table": Table.COIL},
        {"encoding": Encoding.BIT, "words": (2,)},
        {"encoding": Encoding.BIT, "words": (1,), "bit": 1},
        {"encoding": Encoding.BIT, "words": (4,), "bit": 16},
        {"encoding": Encoding.BIT, "words": (1,), "order": WordOrder.LITTLE_ENDIAN},
        {"encoding": Encoding.F64},
        {"bit": 1},
        {"table": Table.COIL, "encoding": Encoding.BIT, "words": (1,), "bit": 0},
        {"config_digest": b""},
        {"nonce": b"\0" * 17},
        {"expires_ns": -1},
        {"decision": -1},
    ],
)
def test_a_permit_for_what_cannot_be_written_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        write_permit(replace(PERMIT, **change))


@pytest.mark.parametrize("table", [Table.COIL, Table.HOLDING])
def test_a_permit_may_write_a_bit(table: Table) -> None:
    permit = replace(PERMIT, table=table, encoding=Encoding.BIT, words=(1,), address=65_535)
    assert read_permit(write_permit(permit)) == permit


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("encoding", [e for e in Encoding if e is not Encoding.BIT])
def test_a_permit_says_how_its_words_lie(encoding: Encoding, order: WordOrder) -> None:
    words = (7,) * word_count(encoding)
    permit = replace(PERMIT, encoding=encoding, order=order, words=words)
    assert read_permit(write_permit(permit)) == permit


@pytest.mark.parametrize("bit", [0, 15])
def test_a_permit_may_write_one_bit_of_a_register(bit: int) -> None:
    permit = replace(PERMIT, encoding=Encoding.BIT, bit=bit, words=(1 << bit,))
    assert read_permit(write_permit(permit)) == permit


def test_an_outcome_may_have_read_nothing_back() -> None:
    outcome = replace(OUTCOME, read_back=(), sentence="")
    assert read_outcome(write_outcome(outcome, PLANT), PLANT) == outcome


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"a": b"\0" * 31}},
        {"files": {"": b"\0" * 32}},
        {"files": {str(k): b"\0" * 32 for k in range(101)}},
        {"metrics": {"auc": float("nan")}},
        {"metrics": {"a\x1bb": 1.0}},
        {"inputs": ("",)},
        {"lineage": (-1,)},
    ],
)
def test_a_manifest_that_nobody_would_read_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        write_manifest(replace(MANIFEST, **change), PLANT)


def test_the_order_of_a_manifests_files_does_not_matter() -> None:
    backwards = replace(MANIFEST, files=dict(reversed(MANIFEST.files.items())))
    assert write_manifest(backwards, PLANT) == write_manifest(MANIFEST, PLANT)
