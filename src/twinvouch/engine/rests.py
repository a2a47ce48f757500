"""What new entries rest on, out of memory: tags as they are now, declared inputs, what a service has read lately."""

from collections.abc import Iterable

from twinvouch.commands.advice import counted
from twinvouch.commands.given import Given
from twinvouch.core.command import Command, Input
from twinvouch.core.event import QueryAsked
from twinvouch.engine.memory import Memory
from twinvouch.ledger.rests import ALL, Parent, Rests, bits
from twinvouch.queries.memory import since


def of_answer(m: Memory, asked: QueryAsked) -> Rests:
    """An answer rests on the newest batch of every tag that it shows."""
    episode = m.episodes.get(asked.resource) if asked.action == "readVirtual" else None
    stands_in = episode is not None and asked.resource not in asked.tags
    first = ((episode.entry, ALL),) if episode is not None and stands_in else ()
    return Rests((*first, *_batches(m, ((tag, m.frame.entry(tag)) for tag in asked.tags))))


def of_command(m: Memory, command: Command, index: int) -> Rests:
    """A command rests on the inputs that it declares, and on what its service has read within its window (R7).

    What it says of entries that do not exist yet is nothing.
    """
    declared = _batches(m, ((i.tag, i.entry) for i in m.renumbered.of_command(command)))
    return Rests(tuple(p for p in declared if p[0] < index), *_lately(m, command.principal))


def of_decision(
    m: Memory,
    first: Iterable[int],
    tags: Iterable[str],
    inputs: Iterable[Input],
    parents: Iterable[int],
) -> Rests:
    """A decision rests on the command, its approvals or what made it be judged again, and on every batch of the derivation.

    Of these (`parents`) the columns count that are inputs, mandatory or read; where it is not known which, all do.
    """
    counted = {tag: m.frame.entry(tag) for tag in tags}
    known = _batches(m, (*counted.items(), *((i.tag, i.entry) for i in inputs)))
    columns = dict(known)
    batches = tuple((entry, columns.get(entry, ALL)) for entry in parents)
    return Rests((*((entry, ALL) for entry in first), *batches))


def of_advice(m: Memory, given: Given, because: Iterable[int]) -> Rests:
    """Advice rests on what a command and its decision rest on; judged again, first on what was given."""
    first = (*((given.entry,) if given.judged_entry >= 0 else ()), *because)
    inputs, parents = m.renumbered.inputs(given.advice.inputs), given.judged.parents
    rests = of_decision(m, first, counted(m.site, given.advice, given.read), inputs, parents)
    lately = () if first else _lately(m, given.advice.principal)
    return Rests(rests.parents, *lately)


def of_own(
    m: Memory,
    started: Iterable[tuple[str, int]],
    inputs: Iterable[Input] = (),
    because: Iterable[int] = (),
) -> Rests:
    """A command of the core rests on what look-ahead started from, what it declares, and the entries it follows from."""
    named = (*started, *((i.tag, i.entry) for i in inputs))
    return Rests((*((entry, ALL) for entry in because), *_batches(m, named)))


def trained_on(lineage: Iterable[int], index: int) -> Rests:
    """A model rests on the batches that its manifest names, as far as they exist."""
    named = tuple((entry, ALL) for entry in sorted(set(lineage)) if 0 <= entry < index)
    return Rests(named)


def _lately(m: Memory, who: str) -> tuple[int, int]:
    """From which entries on batches and answers count, since a service was shown them within its window (R7)."""
    keep_ns = m.site.commands.read_memory_ns
    streamed, answered = (
        since(marks.get(who), m.now_ns, keep_ns) for marks in (m.streamed, m.answered)
    )
    return streamed, answered


def _batches(m: Memory, pairs: Iterable[tuple[str, int]]) -> tuple[Parent, ...]:
    """Batches and the columns of the tags named with them, in the order of the ledger."""
    found: dict[int, set[int]] = {}
    groups: dict[int, str] = {}
    tags, columns = m.site.plant.tags, m.site.plant.column_of
    for tag, entry in pairs:
        if tag in tags and entry >= 0:
            found.setdefault(entry, set()).add(columns[tag])
            if groups.setdefault(entry, tags[tag].group) != tags[tag].group:
                groups[entry] = ""  # a batch holds one group: one of the two is declared falsely
    return tuple((entry, _columns(m, groups[entry], found[entry])) for entry in sorted(found))


def _columns(m: Memory, group: str, columns: set[int]) -> bytes:
    return bits(columns, len(m.site.plant.groups[group].ids)) if group else ALL
