"""Is it a command at all: a known actuator, a finite value in its unit, made just now.

Numbers are finite from here on: the stages behind rely on it (NaN passes `!=` and `||` in most
expression languages).
"""

from math import isfinite

from twinvouch.commands.view import View
from twinvouch.core.batch import Origin
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.inventory import CommandedBy, Table

NAMES = ("form",)
WRITABLE = frozenset({Table.COIL, Table.HOLDING})
ACTING = frozenset({Origin.LIVE, Origin.SIMULATED})


def check(view: View) -> tuple[Reason, ...]:
    """Denials only; an empty tuple means that the other stages can go on."""
    return tuple(
        Reason(NAMES[0], Verdict.DENY, sentence, counterfactual)
        for sentence, counterfactual in (*_address(view), *_value(view), *_age(view))
    )


def _address(view: View) -> list[tuple[str, str]]:
    plant, name = view.site.plant, view.command.tag
    tag = plant.tags.get(name)
    if tag is None or not tag.is_actuator:
        return [(f"`{name}` is not an actuator of plant `{plant.id}`", "")]
    target = view.target
    if target is None:
        return [(f"`{name}` has no limits, no address or no rule for its class", "")]
    found: list[tuple[str, str]] = []
    if not plant.actuator:
        found.append((f"plant `{plant.id}` has no actuator process and is never written to", ""))
    if view.site.origin not in ACTING:
        found.append(
            (f"this engine runs on {view.site.origin.name.lower()} data and writes nothing", "")
        )
    if tag.commanded_by is CommandedBy.PLANT:
        found.append((f"`{name}` is moved by the plant's own control only", ""))
    if target.point.table not in WRITABLE:
        found.append(
            (f"`{name}` lies in table {target.point.table.value}, which cannot be written", "")
        )
    return found


def _value(view: View) -> list[tuple[str, str]]:
    command, found = view.command, []
    if not isfinite(command.value):
        found.append((f"value {command.value} is not a finite number", ""))
    tag = view.site.plant.tags.get(command.tag)
    if tag is not None and command.unit != tag.unit:
        sentence = f"unit `{command.unit}` is not `{tag.unit}`, the unit of `{tag.id}`"
        found.append((sentence, f"would be allowed in `{tag.unit}`"))
    if len(command.inputs) > view.site.commands.max_inputs:
        sentence = (
            f"{len(command.inputs)} inputs are declared, limit is {view.site.commands.max_inputs}"
        )
        found.append((sentence, ""))
    return found


def _age(view: View) -> list[tuple[str, str]]:
    rules, target = view.site.commands, view.target
    age = view.asked_ns - view.command.made_ns
    held = view.now_ns - view.asked_ns
    found = []
    if age > rules.max_age_ns:
        limit = f"limit is {rules.max_age_ns / 1e9:g} s"
        found.append(
            (f"command is {age / 1e9:.1f} s old, {limit}", "would be allowed if made anew")
        )
    if -age > rules.max_ahead_ns:
        limit = f"limit is {rules.max_ahead_ns / 1e9:g} s"
        found.append((f"command was made {-age / 1e9:.1f} s in the future, {limit}", ""))
    if target is not None and held > target.rule.hold_ns:
        limit = f"limit is {target.rule.hold_ns / 1e9:g} s"
        found.append(
            (f"command was held for {held / 1e9:.1f} s, {limit}", "would be allowed if made anew")
        )
    return found
