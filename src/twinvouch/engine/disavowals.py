"""A disavowal from when it was said to its end, as one frozen record that the engine keeps and stores."""

from dataclasses import astuple, dataclass
from typing import Any, Final

from twinvouch.core.disavowal import Disavowal, Stage
from twinvouch.ledger.entry import Reach
from twinvouch.wire.cbor import decode, encode

OPEN: Final = frozenset({Stage.TRACING, Stage.WAITING})


@dataclass(frozen=True, slots=True)
class Traced:
    """What a disavowal touches, as DisavowalTraced told it; `listed` is the digest of the blob with the list."""

    first: int
    sources: int
    touched: int
    counts: tuple[tuple[str, int], ...]
    highest: str
    models: tuple[tuple[str, int], ...]
    readers: tuple[tuple[str, int, int], ...]
    digest: bytes
    listed: bytes

    @property
    def reach(self) -> Reach:
        """As an entry tells it."""
        return Reach(self.touched, self.counts, self.digest, self.listed)


@dataclass(frozen=True, slots=True)
class Disavowed:
    """A disavowal with how it stands, since `stage_ns` by entry `stage_entry`.

    `kind` and `name` are of its subject as it was understood. `marked` are the commands and advice that rested on it and
    were open when it was traced. `effect_ns` is when it took effect (0: never), `second` who confirmed it, `withdrawing` who
    has said that it is to be taken back while a second person is still to say so.
    """

    said: Disavowal
    kind: str
    name: str
    entry: int
    stage: Stage
    stage_entry: int
    stage_ns: int
    traced: Traced | None = None
    marked: tuple[str, ...] = ()
    effect_ns: int = 0
    second: str = ""
    withdrawing: str = ""

    @property
    def id(self) -> str:
        """What people call it: its place in the ledger."""
        return str(self.entry)

    @property
    def is_open(self) -> bool:
        """True while it has neither taken effect nor ended."""
        return self.stage in OPEN

    @property
    def is_over(self) -> bool:
        """True once nothing can come of it any more."""
        return not self.is_open and self.stage is not Stage.IN_EFFECT

    def covers(self, received_ns: int) -> bool:
        """Whether what the core took in at this time is meant."""
        return self.said.since_ns <= received_ns <= self.said.until_ns


def write_disavowed(d: Disavowed) -> bytes:
    """A record as bytes for the state store."""
    said = [getattr(d.said, name) for name in Disavowal.__dataclass_fields__]
    traced = None if d.traced is None else list(astuple(d.traced))
    rest = [list(d.marked), d.effect_ns, d.second, d.withdrawing]
    about = [d.kind, d.name, d.entry, d.stage.value, d.stage_entry, d.stage_ns]
    return encode([1, said, about, traced, *rest])


def read_disavowed(raw: bytes) -> Disavowed:
    """The inverse of `write_disavowed`."""
    content: Any = decode(raw)
    version, said, about, traced, marked, effect_ns, second, withdrawing = content
    assert version == 1, version
    kind, name, entry, stage, stage_entry, stage_ns = about
    return Disavowed(
        *(Disavowal(*said), kind, name, entry, Stage(stage), stage_entry, stage_ns),
        None if traced is None else _traced(*traced),
        tuple(marked),
        effect_ns,
        second,
        withdrawing,
    )


def _traced(first: int, sources: int, touched: int, counts: Any, *rest: Any) -> Traced:
    highest, models, readers, digest, listed = rest
    pairs = tuple((name, number) for name, number in counts)
    by_name = tuple((name, entry) for name, entry in models)
    answered = tuple((who, times, last_ns) for who, times, last_ns in readers)
    return Traced(first, sources, touched, pairs, highest, by_name, answered, digest, listed)
