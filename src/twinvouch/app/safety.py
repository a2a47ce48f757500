"""The safety part of a configuration: what decides whether a command is dangerous, and who decides it.

Limits, interlocks and places of every actuator; the tags whose readings always count there, as they are configured,
and what is declared of them together with others (redundancy, balances, states of actuators);
the model that detects lies; the models that commands are tried on, with their digests; virtual sensors; what each command class demands; how far readings of each edge are trusted; principals with kind, key and roles; the
policy; the plant root; what one person may say of sources, where that is not the default; the safe actions of assets. A change of any of it is signed by two persons. API tokens are not in it: a token proposes, it
never approves or signs.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from twinvouch.app import inventory, lookahead_model, safe_rules
from twinvouch.app.config_model import Config
from twinvouch.app.declared import members
from twinvouch.app.yaml_file import canonical
from twinvouch.commands.view import mandatory
from twinvouch.core.inventory import Plant, PrincipalKind, Role
from twinvouch.core.site import Safety

_PLACE = {"device", "unit", "modbus_unit", "table", "address", "encoding", "scale", "offset"}


def content(config: Config, policy: bytes) -> dict[str, Any]:
    """The safety part as plain data, sorted; `policy` is the digest of the policy in force."""
    whole = config.model_dump(mode="json", by_alias=True)
    tags = whole["tags"]
    actuators = {
        name: {
            **{k: v for k, v in tag.items() if k in _PLACE or k in _FORM},
            "actuator": _bare(tag["actuator"]),
        }
        for name, tag in tags.items()
        if tag.get("actuator")
    }
    always = _always_read(config)
    inputs = {n: _bare(tags[n]) for n in always if n not in actuators}
    used = {d for tag in (*actuators.values(), *inputs.values()) if (d := tag.get("device"))}
    groups = {tags[n]["group"] for n in always}
    principals = {p["id"]: _principal(p) for p in whole["principals"]}
    return {
        "plant": {"id": config.plant.id, "origin": config.plant.origin},
        "actuators": actuators,
        "inputs": inputs,
        "groups": {n: _bare(g) for n, g in whole["groups"].items() if n in groups},
        "devices": {name: d for name, d in whole["devices"].items() if name in used},
        "actuator": whole["actuator"],
        "command_classes": whole["command_classes"],
        "commands": whole["commands"],
        "edges": {n: {"identity_cap": e["identity_cap"]} for n, e in whole["edges"].items()},
        "principals": principals,
        "key_list": whole["key_list"]["root"] if whole["key_list"] else None,
        "policy": policy.hex(),
        **_declared(config, {*actuators, *inputs}),
        **{name: whole[name] for name in ("sequence", "joint") if whole[name]},
        **_modes(config),
        **({"safe_actions": listed} if (listed := safe_rules.listing(config)) else {}),
    }


def _modes(config: Config) -> dict[str, Any]:
    """How far assets may go and how modes move, as far as it is not as it was before it could be said."""
    said = config.modes.model_dump(mode="json", exclude_defaults=True)
    usual = {name: a.highest_mode for name, a in config.assets.items()}
    highest = {name: mode for name, mode in usual.items() if mode != "supervised"}
    return {k: v for k, v in (("modes", said), ("highest_mode", highest)) if v}


_FORM = {"word_order", "bit"}


def _always_read(config: Config) -> list[str]:
    """Tags whose trust counts in every command to some actuator (R7)."""
    tags = inventory.plant(config).tags.values()
    starts = {s.tag for told in config.lookahead.values() for s in told.tags.values()}
    flows = [f for told in config.virtual.values() for f in told.flows]
    starts |= {f.tag for f in flows} | {*config.virtual}
    starts |= {tag for f in flows if f.instead is not None for tag in f.instead.gains}
    told = {s.response_tag for t in config.tags.values() if (s := t.actuator) and s.response_tag}
    return sorted(starts | told | {name for tag in tags for name in mandatory(tag)})


def _declared(config: Config, counting: set[str]) -> dict[str, Any]:
    """What is declared of several tags, of which one is an actuator or always counts: loosened, a lie would pass.

    With the tags that it compares, whatever they are. What a plant does not declare is not in what it signs.
    """
    found: dict[str, Any] = {}
    if distrust := config.distrust.model_dump(mode="json", exclude_defaults=True):
        found["distrust"] = distrust
    if config.detection is not None:
        found["detection"] = config.detection.model_dump(mode="json", exclude_defaults=True)
    found |= _foreseen(config)
    for name, told in config.redundancy.items():
        tags = members(config, name)
        if counting & set(tags):
            part = {**told.model_dump(mode="json"), "tags": list(tags)}
            found.setdefault("redundancy", {})[name] = part
    for name, balance in config.balance.items():
        if counting & {term.tag for term in balance.terms}:
            found.setdefault("balance", {})[name] = balance.model_dump(mode="json")
    for name, state in config.actuator_state.items():
        if counting & {state.status, state.tag}:
            found.setdefault("actuator_state", {})[name] = state.model_dump(mode="json")
    return found


def _foreseen(config: Config) -> dict[str, Any]:
    """What commands are tried on, and what stands in for tags: the models with their digests."""
    found: dict[str, Any] = {}
    if config.lookahead:
        found["lookahead"] = {
            name: {
                **_bare(told.model_dump(mode="json")),
                "digest": lookahead_model.of(config, name).digest.hex(),
            }
            for name, told in config.lookahead.items()
        }
    if config.virtual:
        found["virtual"] = {n: v.model_dump(mode="json") for n, v in config.virtual.items()}
    return found


def _bare(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that count; of those that came later only what is set, so that what was signed before them stays signed."""
    left_out = _UNSIGNED | {k for k in _LATER if settings.get(k) in (None, "refuse")}
    return {k: v for k, v in settings.items() if k not in left_out}


_UNSIGNED = {"description", "period_s"}
_LATER = {
    *("step", "varies_within_s", "jitter"),
    *("travel_per_hour", "writes_per_hour", "starts_per_hour", "reserve", "reserved_for"),
    *("dwell_on_s", "dwell_off_s", "ramp_by", "ramp_within_s", "on_excess"),
    *("default", "response_tag", "response_tolerance", "response_within_s", "response_factor"),
    *("response_offset", "on_failure", "deadline_s", "on_deadline"),
    *("watchdog", "second"),  # of a model
}


def digest(part: Mapping[str, Any]) -> bytes:
    """SHA-256 of the safety part as sorted JSON in UTF-8."""
    return sha256(canonical(part).encode()).digest()


def of(config: Config, plant: Plant, policy: bytes) -> Safety | None:
    """What the engine asks signatures for; None for a plant that is never written to."""
    if config.actuator is None:
        return None
    signers = {
        p.id: p.key
        for p in plant.principals.values()
        if p.kind is PrincipalKind.PERSON and Role.SAFETY_SIGNER in p.roles
    }
    return Safety(digest(content(config, policy)), signers)


def signers(part: Mapping[str, Any]) -> set[str]:
    """The persons whom a safety part lets sign the next one."""
    return {
        name
        for name, p in part["principals"].items()
        if p["kind"] == PrincipalKind.PERSON and Role.SAFETY_SIGNER in p["roles"]
    }


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed, one line a value: `- path: old` and `+ path: new`."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    lines = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            lines += [f"- {path}: {old[path]}"] if path in old else []
            lines += [f"+ {path}: {new[path]}"] if path in new else []
    return lines


def _leaves(part: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(part, Mapping) and part:
        return [leaf for k, v in part.items() for leaf in _leaves(v, f"{path}.{k}".strip("."))]
    return [(path, json.dumps(part, ensure_ascii=False))]


def _principal(p: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": p["kind"], "key": p["key"], "roles": sorted(p["roles"])}
