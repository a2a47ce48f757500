"""The plant of tests/golden/v1: its configuration as text, and its keys, all from seeds."""

import base64

from twinvouch.adapters.keys import SeededSigner

PLANT = "golden"
START = 1_790_000_000_000_000_000
NAMES = ("edge-1", "scada", "ann", "cid", "actuator-1", "log", "permit")


def signer(name: str) -> SeededSigner:
    """The key of one of NAMES."""
    return SeededSigner((1 + NAMES.index(name)).to_bytes(32, "big"))


def _key(name: str) -> str:
    return base64.b64encode(signer(name).public_key).decode()


CONFIG = f"""\
# Every section of a twin.yaml of version 1, as the first release wrote it. This file must load for ever.
version: 1
plant: {{id: {PLANT}, description: one tank and one pump, origin: live}}
data: data
keys: keys
zones:
  field: {{level: 2, description: pumps and tanks}}
  control: {{level: 3}}
conduits:
  - {{from: field, to: control, protocols: [modbus]}}
assets:
  tank-1: {{zone: field, description: drinking water tank}}
  pump-1: {{zone: field}}
devices:
  plc-1: {{host: 127.0.0.1, port: 5020, timeout_s: 2}}
groups:
  fast: {{edge: edge-1, period_s: 0.5, max_age_s: 5, max_ahead_s: 5}}
tags:
  tank-1/level:
    group: fast
    unit: m
    range: [0, 10]
    rate: 0.5
    resolution: 0.001
    device: plc-1
    table: input
    address: 0
    encoding: f32
    calibrated: 2026-01-31
    calibration_days: 3650
    criticality: 2
  pump-1/speed:
    group: fast
    unit: "%"
    range: [0, 200]
    device: plc-1
    table: holding
    address: 0
    encoding: u16
    scale: 0.1
    actuator:
      class: B
      commanded_by: twin
      min: 80
      max: 110
      rate: 50
      interlock: tank_1_level > 0.5
      controlled: [tank-1/level]
edges:
  edge-1: {{groups: [fast], identity_cap: 120, gather_s: 0.1, max_rows: 256, spool_mib: 64, core: "http://127.0.0.1:8710"}}
principals:
  - {{id: edge-1, kind: edge, key: {_key("edge-1")}}}
  - {{id: scada, kind: service, key: {_key("scada")}, roles: [engineer], token_sha256: {"ab" * 32}}}
  - {{id: ann, kind: person, key: {_key("ann")}, roles: [engineer]}}
  - {{id: cid, kind: person, key: {_key("cid")}, roles: [model-signer]}}
  - {{id: actuator-1, kind: service, key: {_key("actuator-1")}}}
actuator: {{principal: actuator-1}}
command_classes:
  A: {{identity: 100, integrity: 200, plausibility: 200, calibration: 100, approvals: 2, max_age_s: 5, hold_s: 900}}
  B: {{identity: 100, integrity: 200, plausibility: 150, calibration: 60, approvals: 1, max_age_s: 10, hold_s: 900}}
readings: {{duplicate_window_s: 30, max_gap: 4096, max_cells: 1000000}}
commands: {{permit_s: 5, max_age_s: 30, max_ahead_s: 5, read_memory_s: 600, outcome_s: 30, rest_s: 60}}
api: {{host: 127.0.0.1, port: 8710, allowed_hosts: [127.0.0.1, localhost]}}
retention: {{segments_days: 30}}
"""
