"""What a rewind distrusts stays so until its end, whatever is said of it, and whatever it earns back meanwhile."""

from twinvouch.engine.memory import Memory


def uphold(m: Memory) -> None:
    """Put back what was taken away or cut short."""
    for subject, until_ns in m.upheld.items():
        if until_ns > m.now_ns and m.distrusted.get(subject, 0) < until_ns:
            m.distrusted[subject] = until_ns
            m.dirty.add("distrusted")
