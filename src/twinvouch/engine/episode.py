"""An episode: from when a tag with a virtual sensor ceases to count until it has counted again for a while."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Episode:
    """`since_ns` is when the tag counted last; `entry` where the estimate took over, or where it went blind.

    `whole_ns`: since when the tag counts again; 0 while it does not. `blind_ns` is when it goes blind if nothing changes, to
    half a minute. Once blind, nothing stands in until it is over.
    """

    since_ns: int
    began_ns: int
    entry: int
    is_blind: bool = False
    whole_ns: int = 0
    blind_ns: int = 0
