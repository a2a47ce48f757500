"""What the gate takes: its stages, look-ahead, a durable decision, a read through the proxy; and requests that get around it.

The figures of `bench lookahead`, `bench decide` and `bench proxy` that belong into the report of the range, under its names.
"""

from collections.abc import Callable
from typing import Final

from twinvouch.app.bench import decide, durable_commands, lookahead, proxy_latency, proxy_matrix

Figures = dict[str, float | int | str]
# name in the report -> name in the bench
NAMES: Final = {
    "compute_p99_ms_stages": "decide_stages_p99_ms",
    "compute_p50_ms_stages": "decide_stages_p50_ms",
    "compute_p99_ms_lookahead": "net3_two_workers_wall_ms_p99",
    "compute_p99_ms_lookahead_backup_known": "net3_two_workers_backup_known_wall_ms_p99",
    "compute_cpu_p99_ms_lookahead": "net3_cpu_ms_p99",
    "compute_p99_ms_second_model": "second_model_cpu_ms_p99",
    "compute_p99_ms_1000_nodes": "nodes_964_two_workers_backup_known_wall_ms_p99",
    "compute_p99_ms_1000_nodes_first": "nodes_964_two_workers_wall_ms_p99",
    "lookahead_members": "net3_members",
    "lookahead_workers": "net3_workers",
    "durable_minus_fsync_p99_ms": "durable_minus_fsync_p99_ms",
    "durable_minus_fsync_p50_ms": "durable_minus_fsync_p50_ms",
    "proxy_added_p50_us": "proxy_added_p50_us",
    "proxy_added_p99_us": "proxy_added_p99_us",
    "proxy_bypasses": "proxy_bypasses",
    "proxy_cases": "proxy_cases",
}
PARTS: Final = (decide, lookahead, durable_commands, proxy_latency, proxy_matrix)


def run(say: Callable[[str], None]) -> Figures:
    """One part after the other."""
    found: Figures = {}
    for part in PARTS:
        say(f"measuring {part.__name__.rpartition('.')[2]} ...")
        found |= part.run()
    return {name: found[key] for name, key in NAMES.items()}
