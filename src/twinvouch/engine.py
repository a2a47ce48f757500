"""The whole flow without I/O: `feed(event, now_ns) -> effects`.

Readings come in through gate 1 and become the frame; models pass gate 2; questions pass gate 3; commands pass
gate 4 and become permits. Every step appends a ledger entry. Same events at the same times, same effects:
chance comes in as the event's salt, time as `now_ns`, keys never. Effects may leave the process only after the
event and its entries are durable; the caller sees to that. One thread owns an Engine.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TypeAlias

from twinvouch import commands, models, queries, readings
from twinvouch.commands import register
from twinvouch.commands.register import Approval, Record
from twinvouch.core.batch import Admitted
from twinvouch.core.command import Command, CommandStatus, Decision, OutcomeStatus, Verdict
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.event import (
    Append,
    BatchReceived,
    CommandProposed,
    Deliver,
    Effect,
    Event,
    Keep,
    ModelSubmitted,
    OutcomeReported,
    Plain,
    Publish,
    QueryAsked,
    Reply,
    Started,
    StatementReceived,
    Tick,
)
