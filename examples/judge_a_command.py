"""Judge a command by the readings it rests on: allowed while the sensor is believable, held once it lies."""

from hashlib import sha256

import numpy as np

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core import inventory as inv
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Input
from twinvouch.core.event import BatchReceived, CommandProposed, Event, Reply
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND, Site
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, columns_digest, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

keys = {name: SeededSigner(sha256(name.encode()).digest()) for name in ("edge", "twin", "actuator")}
kinds = {"edge": inv.PrincipalKind.EDGE}
roles = frozenset({inv.Role.ENGINEER})
who = {
    n: inv.Principal(n, kinds.get(n, inv.PrincipalKind.SERVICE), key.public_key, roles)
    for n, key in keys.items()
}
level = inv.Tag("tank/level", "m", low=0.0, high=10.0, group="g")
place = inv.Point("plc", 1, inv.Table.HOLDING, 0, inv.Encoding.F32)
limits, class_c = inv.Limits(0.0, 1.0, controlled=("tank/level",)), inv.CommandClass.C
valve = inv.Tag("valve/opening", "1", point=place, command_class=class_c, limits=limits)
columns = columns_digest("g", ["tank/level"], ["f8"])
group = inv.ScanGroup("g", "edge", (level,), ("f8",), columns, SECOND, 5 * SECOND)
rule = inv.ClassRule(100, 150, 100, 0, approvals=0, max_age_ns=30 * SECOND, hold_ns=300 * SECOND)
tags, edges = {t.id: t for t in (level, valve)}, {"edge": inv.Edge("edge", ("g",))}
groups, classes = {"g": group}, {class_c: rule}
plant = inv.Plant("mine", {}, {}, (), tags, groups, edges, who, classes, "actuator")
engine, now = Engine(Site(plant, default_policy(), config_digest=bytes(32))), 1_800_000_000 * SECOND


def feed(event: Event) -> Reply:
    """One event in, the answer out; permits and ledger entries are effects too."""
    return next(e for e in engine.feed(event, now) if isinstance(e, Reply))


prev = bytes(32)
for seq, metres in enumerate((5.0, 99.0)):
    now += SECOND
    us = Identity("edge", 0, seq)
    header = Header(Kind.BATCH, "mine", us, prev, Origin.LIVE, "g", columns)
    content = write_batch(header, group, np.array([now]), np.array([[metres]]))
    prev = sha256(content).digest()
    raw = seal(content, signer=keys["edge"], plant="mine", purpose=Purpose.READINGS)
    inputs = (Input("tank/level", feed(BatchReceived(bytes(16), "edge", raw)).body["entry"]),)
    command = Command(f"{seq:032x}", "twin", "valve/opening", 0.6, "1", now, inputs)
    content = write_command(command, "mine")
    raw = seal(content, signer=keys["twin"], plant="mine", purpose=Purpose.COMMAND)
    answer = feed(CommandProposed(bytes(16), "twin", raw, token_of="")).body
    print(f"level {metres:g} m: {answer['status']}: {answer['why']}")
