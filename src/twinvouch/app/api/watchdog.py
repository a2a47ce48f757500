"""How a watchdog stands, as the API tells it."""

from twinvouch.commands.watching import Watching
from twinvouch.core.event import Plain
from twinvouch.engine.memory import Memory


def watchdog(memory: Memory, name: str) -> Plain:
    """Since when not acting leads out of the limits, by which finding; and how many questions in a row had no answer."""
    of, now = memory.site.watchdogs[name], memory.watching.get(name, Watching())
    return {
        "action": of.response.value,
        "every_s": of.every_ns / 1e9,
        "warn_s": of.warn_s,
        "near_since_ns": now.since_ns or None,
        "subject": now.subject,
        "entry": now.entry if now.since_ns else None,
        "unanswered": now.missing,
        "asked": now.asked is not None,
    }
