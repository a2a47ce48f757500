"""One group, one signer and an example of every content, for the tests of the formats."""

import numpy as np
from nacl.signing import SigningKey

from twinvouch.core.advice import Advice
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Input, Outcome, OutcomeStatus, Permit
from twinvouch.core.inventory import Encoding, ScanGroup, Table, Tag
from twinvouch.core.kind import Kind
from twinvouch.core.statement import Statement, Verb
from twinvouch.wire.batch import Header, columns_digest
from twinvouch.wire.manifest import Manifest

PLANT = "net3"
NOW = 1_700_000_000 * 10**9


class SeedSigner:
    """Signs with a key made from 32 bytes."""

    def __init__(self, seed: bytes = b"\x01" * 32) -> None:
        self._key = SigningKey(seed)
        self.public_key = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


def group_of(*dtypes: str) -> ScanGroup:
    ids = tuple(f"asset-{k}/level" for k in range(len(dtypes)))
    return ScanGroup(
        name="fast",
        edge="edge-1",
        tags=tuple(Tag(id=i, unit="m") for i in ids),
        dtypes=dtypes,
        digest=columns_digest("fast", ids, dtypes),
        period_ns=10**8,
        max_age_ns=5 * 10**9,
    )


def header_of(group: ScanGroup, kind: Kind = Kind.BATCH) -> Header:
    identity = Identity("edge-1", 3, 70_000)
    return Header(kind, PLANT, identity, b"\x07" * 32, Origin.LIVE, group.name, group.digest)


def times(rows: int) -> np.ndarray:
    return NOW + np.arange(rows, dtype=np.int64) * 10**8


COMMAND = Command(
    id="00112233445566778899aabbccddeeff",
    principal="controller",
    tag="pump-1/speed",
    value=0.75,
    unit="1",
    made_ns=NOW,
    inputs=(Input("tank-1/level", 17), Input("tank-2/level", 2**40)),
    reason="level below 2 m",
)
ADVICE = Advice(
    id="ffeeddccbbaa99887766554433221100",
    principal="twin",
    subject="pump-1/speed",
    says="lower the speed until the tank is full",
    value=0.5,
    unit="1",
    made_ns=NOW,
    until_ns=NOW + 3_600 * 10**9,
    inputs=(Input("tank-1/level", 17),),
)
STATEMENT = Statement(
    principal="alice",
    verb=Verb.APPROVE,
    subject=COMMAND.id,
    reason="seen on site",
    shown=b"\x05" * 32,
    nonce=b"\x06" * 16,
    made_ns=NOW,
    expires_ns=NOW + 60 * 10**9,
)
PERMIT = Permit(
    plant=PLANT,
    command=COMMAND.id,
    tag=COMMAND.tag,
    device="plc-1",
    unit=1,
    table=Table.HOLDING,
    address=40,
    words=(0x3F40, 0),
    encoding=Encoding.F32,
    config_digest=b"\x01" * 32,
    policy_digest=b"\x02" * 32,
    approvals_digest=b"\x03" * 32,
    decision=99,
    mode_epoch=0,
    nonce=b"\x04" * 16,
    expires_ns=NOW + 5 * 10**9,
)
OUTCOME = Outcome(PERMIT.nonce, OutcomeStatus.EXECUTED, PERMIT.words, "written and read back", NOW)
MANIFEST = Manifest(
    model="leak-detector",
    version="1.2.0",
    files={"weights.npz": b"\x08" * 32, "model.json": b"\x09" * 32},
    inputs=("tank-1/level",),
    lineage=(17, 18),
    metrics={"auc": 0.93, "f1": 1.0},
    made_ns=NOW,
    valid_until_ns=NOW + 86_400 * 10**9,
)
