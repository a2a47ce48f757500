"""The only place that makes a Permit: from a decision that allows, and with words that say the value."""

from dataclasses import dataclass

from twinvouch.commands.limits import fitting_words
from twinvouch.core.command import Command, Decision, Permit
from twinvouch.core.errors import UsageError
from twinvouch.core.site import Site

NONCE_BYTES = 16
DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Stamp:
    """What binds a permit to its moment: ledger index of the decision, approvals, mode, nonce, time."""

    decision: int
    approvals_digest: bytes
    mode_epoch: int
    nonce: bytes
    now_ns: int


def make(command: Command, decision: Decision, site: Site, stamp: Stamp) -> Permit:
    """The single-use right to carry out `command`, for `site.commands.permit_ns` from `stamp.now_ns`.

    Raises UsageError where the decision does not allow this very command, or its clamped value: that is a bug, never input.
    """
    if not decision.permits or decision.command != command.id:
        raise UsageError(
            f"command {command.id} was not allowed by decision {stamp.decision}: {decision.why}"
        )
    tag = site.plant.tags[command.tag]
    if tag.point is None or tag.limits is None:
        raise UsageError(f"`{tag.id}` is not an actuator")
    value = decision.value_of(command)
    words = fitting_words(value, tag.point, tag.limits)
    if not words:
        raise UsageError(f"{value} cannot be written to `{tag.id}` within its limits")
    if len(stamp.nonce) != NONCE_BYTES or len(stamp.approvals_digest) != DIGEST_BYTES:
        raise UsageError("a permit needs a nonce of 16 bytes and an approvals digest of 32")
    return Permit(
        plant=site.plant.id,
        command=command.id,
        tag=tag.id,
        device=tag.point.device,
        unit=tag.point.unit,
        table=tag.point.table,
        address=tag.point.address,
        words=words,
        encoding=tag.point.encoding,
        config_digest=site.config_digest,
        policy_digest=site.policy.digest,
        approvals_digest=stamp.approvals_digest,
        decision=stamp.decision,
        mode_epoch=stamp.mode_epoch,
        nonce=stamp.nonce,
        expires_ns=stamp.now_ns + site.commands.permit_ns,
        order=tag.point.order,
        bit=tag.point.bit,
    )
