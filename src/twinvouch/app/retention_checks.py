"""Checks of `retention:`: it names scan groups and tags that exist, and a hold begins before it ends."""

from collections.abc import Iterator

from twinvouch.app.config_model import Config
from twinvouch.app.problems import named
from twinvouch.app.retention_spans import span_of
from twinvouch.app.yaml_tree import Loc
from twinvouch.core.errors import UsageError


def kept(config: Config) -> Iterator[tuple[Loc, str]]:
    """What is wrong and where."""
    for group in config.retention.groups:
        if group not in config.groups:
            yield ("retention", "groups", group), f"{named(group)} is no scan group of `groups`"
    for name, hold in config.retention.holds.items():
        place: Loc = ("retention", "holds", name)
        for number, tag in enumerate(hold.tags):
            if tag not in config.tags:
                yield (*place, "tags", number), f"{named(tag)} is no tag of `tags`"
        try:
            start, end = span_of(hold)
        except UsageError as error:
            yield place, str(error)
            continue
        if start > end:
            yield (*place, "to"), f"`to` {hold.end}, expected not before `from` {hold.start}"
