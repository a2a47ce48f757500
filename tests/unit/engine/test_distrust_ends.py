"""What ends at one moment ends in one order, also after a restart in between."""

from pathlib import Path

from tests.claims.site import Toy
from tests.unit.engine.test_rows import everything
from twinvouch.core.event import Append, Tick
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine


def test_two_distrusts_that_end_together_are_told_in_one_order(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.read()
    for subject in ("tank/level", "edge-2", "edge-1"):
        toy.say("ann", Verb.DISTRUST, subject)
    again = Engine(toy.site)
    again.restore(everything(toy.memory))
    assert [*again.memory.distrusted] != [*toy.memory.distrusted]
    tick, late = Tick(bytes(16)), toy.now + 40 * 86_400 * SECOND
    first, second = (
        [e.entry for e in engine.feed(tick, late) if isinstance(e, Append)]
        for engine in (toy.core.engine, again)
    )
    assert first == second != []
