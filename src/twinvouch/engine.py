"""The whole flow without I/O: `feed(event, now_ns) -> effects`.

Readings come in through gate 1 and become the frame; models pass gate 2; questions pass gate 3; commands pass
gate 4 and become permits. Every step appends a ledger entry. Same events at the same times, same effects:
chance comes in as the event's salt, time as `now_ns`, keys never. Effects may leave the process only after the
event and its entries are durable; the caller sees to that. One thread owns an Engine.
"""
