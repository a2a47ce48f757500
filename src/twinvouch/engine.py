"""The whole flow without I/O: `feed(event, now_ns) -> effects`."""
