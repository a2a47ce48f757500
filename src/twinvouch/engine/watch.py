"""Watch: what is remembered of a subject since a person began to distrust it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watch:
    """`entry` is the ledger index of the statement that began it (-1: not known), at `since_ns`.

    Of a tag also how often in a row, `clean`, a reading without a finding agreed with independent sources that spoke
    anew: of them `seen` has the entries that were counted last. `is_offered`: that it may be restored was told.
    """

    since_ns: int
    entry: int
    clean: int = 0
    seen: tuple[int, ...] = ()
    is_offered: bool = False


UNKNOWN = Watch(0, -1)  # of what began before this was remembered
