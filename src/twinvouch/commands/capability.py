"""May this principal do this, in this mode: asked of the policy twice.

`propose` (who, what, mode; trust plays no part) is asked first: a denial ends the matter and the
principal learns nothing else. `execute` (the same, with every label axis, its demand and the approvals
inside the `permit`) is asked last, when no other stage objects. So a short label or a missing approval
is a HOLD by its own stage, and still no permit exists without a policy that demanded the trust.
The mode is checked here too: a site's own policy cannot open a read-only asset.
"""

from collections.abc import Iterable, Mapping

from twinvouch.commands.view import Target, View
from twinvouch.core import asked
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.inventory import ClassRule
from twinvouch.core.label import Axis
from twinvouch.core.mode import Rung
from twinvouch.core.ports import PolicyRequest
from twinvouch.core.virtual import Axes

NAMES = ("capability", "mode")


def check_propose(view: View, target: Target) -> tuple[Reason, ...]:
    """Denials of the mode or of the policy for action `propose`."""
    rung = _rung(view, target)
    told = {"mode": int(rung), "signed": view.command.signed}
    return check_mode(view, target) or _ask(view, target, "propose", told)


def check_mode(view: View, target: Target) -> tuple[Reason, ...]:
    """A denial where the asset's mode lets nobody write."""
    rung = _rung(view, target)
    if rung <= Rung.SUPERVISED:
        return ()
    name = rung.name.lower().replace("_", "-")
    sentence = f"`{target.tag.asset}` is in mode {name}, in which nothing is written to it"
    why_not = "would be allowed in mode supervised or autonomous"
    return (Reason("mode", Verdict.DENY, sentence, why_not),)


def check_execute(
    view: View, target: Target, axes: tuple[int, int, int, int], approvals: tuple[int, int]
) -> tuple[Reason, ...]:
    """Denials of the policy for action `execute`; `approvals` are those given and those needed."""
    demands = required(target.rule)
    context: dict[str, int | str | bool] = {
        "mode": int(_rung(view, target)),
        "signed": view.command.signed,
        "approvals": approvals[0],
        "approvals_needed": approvals[1],
    }
    for axis in Axis:
        context[axis.name.lower()] = axes[axis]
        context[f"required_{axis.name.lower()}"] = demands[axis]
    return _ask(view, target, "execute", context)


def _rung(view: View, target: Target) -> Rung:
    """The mode as it counts: for a safe action what a rule took down to advisory for want of trust is supervised.

    What a person set, what a misused key brought about, and read-only and isolated stand for it too.
    """
    mode = view.context.mode_of(target.tag.asset)
    is_for_trust = mode.stepped is not None and bool(mode.stepped.causes)
    is_open = view.is_listed and is_for_trust and mode.rung is Rung.ADVISORY
    return Rung.SUPERVISED if is_open else mode.rung


def required(rule: ClassRule) -> tuple[int, int, int, int]:
    """What a class demands, in the order of Axis."""
    return rule.identity, rule.integrity, rule.plausibility, rule.calibration


def most(demands: Iterable[Axes]) -> Axes:
    """The most that any of them demands, axis by axis; nothing where there is none."""
    a, b, c, d = (max(axis) for axis in zip((0, 0, 0, 0), *demands, strict=True))
    return a, b, c, d


def request(
    view: View, target: Target, principal: str, action: str, context: Mapping[str, int | str | bool]
) -> PolicyRequest:
    """The question whether `principal` may do `action` on the actuator of this command."""
    known = view.site.plant.principals.get(principal)
    tag = target.tag
    return PolicyRequest(
        principal=principal if known else "",
        principal_kind=known.kind.value if known else "",
        roles=frozenset(r.value for r in known.roles) if known else frozenset(),
        action=action,
        resource_type="Actuator",
        resource=tag.id,
        attributes=asked.of_actuator(view.site.plant, tag),
        context=context,
    )


def _ask(
    view: View, target: Target, action: str, context: Mapping[str, int | str | bool]
) -> tuple[Reason, ...]:
    who = view.command.principal
    answer = view.site.policy.decide(request(view, target, who, action, context))
    if answer.allowed:
        return ()
    what = f"a class {target.letter} command for `{target.tag.id}`"
    sentence = f"`{who}` may not {action} {what}: {answer.why}"
    return (Reason("capability", Verdict.DENY, sentence),)
