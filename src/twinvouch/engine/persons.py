"""Are two of them one: by name, or by key."""

from twinvouch.engine.memory import Memory


def is_one(m: Memory, first: str, second: str) -> bool:
    """One person, or one key under two names."""
    people = m.site.plant.principals
    keys = [people[name].key if name in people else b"" for name in (first, second)]
    return first == second or (m.ring is None and keys[0] == keys[1])
