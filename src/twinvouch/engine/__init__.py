"""The whole flow without I/O: `Engine.feed(event, now_ns) -> effects`.

`flow` is the page to read first; `acting` is the part that leads to the plant; `memory` is all state, `rows` its
stored form, `out` the effects of one event.
"""

from twinvouch.engine.flow import Engine

__all__ = ["Engine"]
