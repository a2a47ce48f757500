"""The plant of tests/golden/v2: a twin.yaml with what the second release added, and its keys, all from seeds."""

import base64

from twinvouch.adapters.keys import SeededSigner

PLANT = "golden2"
START = 1_795_000_000_000_000_000
NAMES = ("edge-1", "ann", "bob", "cid", "actuator-1", "log", "permit", "root", "next-root")
KEK = bytes(range(32))  # of these fixtures alone


def signer(name: str) -> SeededSigner:
    """The key of one of NAMES."""
    return SeededSigner((101 + NAMES.index(name)).to_bytes(32, "big"))


def _key(name: str) -> str:
    return base64.b64encode(signer(name).public_key).decode()


CONFIG = f"""\
# What a twin.yaml of version 1 got with the second release. This file must load for ever.
version: 1
plant: {{id: {PLANT}}}
data: data
keys: keys
key_list: {{root: {_key("root")}, file: keys.list}}
encryption: {{core_kek: kek}}
zones: {{field: {{level: 2}}}}
assets: {{tank-1: {{zone: field}}, pump-1: {{zone: field}}}}
devices: {{plc-1: {{host: 127.0.0.1, port: 5020, max_registers: 60, max_gap: 4}}}}
groups:
  fast: {{edge: edge-1, period_s: 0.5, max_age_s: 5}}
  told: {{edge: edge-1, rhythm: exception, max_age_s: 600}}
tags:
  tank-1/level: {{group: fast, unit: m, range: [0, 10], device: plc-1, table: input, address: 0, encoding: f32, word_order: CDAB}}
  tank-1/door: {{group: told, unit: "1", range: [0, 1], mqtt: {{broker: hall, format: json, topic: tank/door}}}}
  tank-1/hatch: {{group: told, unit: "1", range: [0, 1], mqtt: {{broker: hall, format: json, topic: tank/hatch}}}}
  pump-1/speed:
    group: fast
    unit: "%"
    range: [0, 200]
    device: plc-1
    table: holding
    address: 0
    encoding: u16
    actuator: {{class: C, commanded_by: twin, min: 80, max: 110}}
edges:
  edge-1: {{groups: [fast, told], max_lateness_s: 30, mqtt: {{hall: {{host: 127.0.0.1, port: 1883}}}}}}
principals:
  - {{id: edge-1, kind: edge, key: {_key("edge-1")}}}
  - {{id: ann, kind: person, key: {_key("ann")}, roles: [engineer]}}
  - {{id: bob, kind: person, key: {_key("bob")}, roles: [safety-signer]}}
  - {{id: cid, kind: person, key: {_key("cid")}, roles: [safety-signer]}}
  - {{id: actuator-1, kind: service, key: {_key("actuator-1")}}}
actuator: {{principal: actuator-1}}
disk: {{reserve_percent: 5, reserve_mib: 16}}
log: {{format: json}}
"""
