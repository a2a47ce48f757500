"""The hub: effects of a group whose loop is closed at this very moment go nowhere, and end nothing."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.claims.site import PLANT, signer
from twinvouch.app.api.hub import Hub
from twinvouch.core.event import Deliver


class Closing:
    """A loop that is closed between the look at it and the call; or one that fails otherwise."""

    def __init__(self, *, closes: bool) -> None:
        self._closes, self._asked = closes, 0

    def is_closed(self) -> bool:
        self._asked += 1
        return self._closes and self._asked > 1

    def call_soon_threadsafe(self, work: Callable[..., Any], *args: Any) -> None:
        raise RuntimeError("Event loop is closed")


def test_a_loop_that_closes_this_moment_ends_no_committer() -> None:
    hub = Hub(PLANT, signer("permit"))
    permit = Deliver(b"permit", "c")
    hub.attach(cast("asyncio.AbstractEventLoop", Closing(closes=True)))
    hub.leave(permit)
    hub.attach(cast("asyncio.AbstractEventLoop", Closing(closes=False)))
    with pytest.raises(RuntimeError):
        hub.leave(permit)
