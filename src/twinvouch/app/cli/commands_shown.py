"""How a command is printed: what an approver must see, and why it is as it is."""

import json
from collections.abc import Mapping
from typing import Any

import click

from twinvouch.app.terminal import safe


def print_command(row: Mapping[str, Any], *, as_json: bool) -> None:
    """What it asks for, how it stands, its label and every rule that spoke."""
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    click.echo(
        f"{safe(row['principal'])} wants `{row['tag']}` = {row['value']:g} {safe(row['unit'])}   {safe(row['reason'])}"
    )
    click.echo(
        f"status {row['status']}, verdict {row['verdict']}, approvals {len(row['approvals'])} of {row['approvals_needed']}"
    )
    if row["clamped_to"] is not None:
        to, by = f"{row['clamped_to']:g} {safe(row['unit'])}", ", ".join(row["clamped_by"])
        click.echo(f"clamped to {to} by {by}")
    if row["admitted_as"]:
        click.echo(f"admitted as {row['admitted_as'].replace('_', ' ')}")
    axes = dict(
        zip(("identity", "integrity", "plausibility", "calibration"), row["axes"], strict=True)
    )
    click.echo(f"label  {_label(axes)}  from entries {row['parents']}")
    for r in row["reasons"]:
        click.echo(f"  {r['rule']}: {r['verdict']}: {safe(r['sentence'])}")
        if r["counterfactual"]:
            click.echo(f"      {safe(r['counterfactual'])}")
    if row["outcome"]:
        click.echo(f"outcome  {safe(row['outcome'])}")
    if row["response"]:
        click.echo(f"response of the plant  {row['response']}")


def print_explained(row: Mapping[str, Any], *, as_json: bool) -> None:
    """The same, and what it rests on: mode and class, inputs, the way to a short label, and what was foreseen."""
    print_command(row, as_json=as_json)
    if as_json:
        return
    if row["class"] is None:
        click.echo("it was denied before anything was weighed")
        return
    click.echo(f"class {row['class']} demands {_label(row['demands'])}; mode {row['mode']}")
    for part in row["from"]:
        mark = "!" if part["short"] else " "
        told = f"  ({safe(part['why'])})" if part["why"] else ""
        click.echo(f"{mark} from `{safe(part['name'])}`  {_label(part['label'])}{told}")
    if row["from_left_off"]:
        click.echo(f"  and {row['from_left_off']} inputs that are no weaker")
    for path in row["paths"]:
        _print_path(path)
    if row["foreseen"] is not None:
        click.echo(_foreseen(row["foreseen"]))


def _print_path(path: Mapping[str, Any]) -> None:
    click.echo(
        f"{path['axis']} {path['label']} of `{safe(path['name'])}`, {path['demand']} is demanded:"
    )
    for step in path["path"]:
        where = "never read" if step["entry"] is None else f"entry {step['entry']}"
        by = f" of edge {safe(step['edge'])}, group {safe(step['group'])}" if "edge" in step else ""
        click.echo(f"    {step['kind']} {where}{by}")
        for found in step.get("findings", ()):
            click.echo(f"      {found['severity']} {found['rule']}: {safe(found['sentence'])}")


def _foreseen(seen: Mapping[str, Any]) -> str:
    near = f"`{safe(seen['quantity'])}` comes within {seen['margin']:.1%} of its range of a limit"
    if seen["margin"] < 0:
        near = f"`{safe(seen['quantity'])}` passes a limit by {-seen['margin']:.1%} of its range"
    when = (
        f"inside for {seen['horizon_min']:g} min"
        if seen["leaves_in_min"] is None
        else f"the first of {seen['members']} members leaves in {seen['leaves_in_min']:.3g} min"
    )
    allowed = "" if seen["allowed"] is None else f"; {seen['allowed']:g} would be allowed"
    return f"foreseen by `{safe(seen['model'])}`: {near}, {when}{allowed}"


def _label(axes: Mapping[str, int]) -> str:
    return ", ".join(f"{axis} {value}" for axis, value in axes.items())
