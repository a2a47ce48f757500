"""What a rewind says to the engine that it feeds: from here on a subject counts as nothing, whatever else is said of it.

It is forward distrust as a person would have said it then, but no later word takes it back: it was known to be wrong.
"""

from twinvouch.core.event import Rewound
from twinvouch.core.inventory import Plant
from twinvouch.core.subject import tags_from
from twinvouch.engine.distrusting import changed
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.upheld import uphold
from twinvouch.ledger import entry


def on_rewound(m: Memory, out: Out, event: Rewound) -> None:
    """Enter what the rewind departs from, and distrust the subject; without one the rewind ends."""
    index = out.append(entry.rewind(m.site.plant.id, m.now_ns, event))
    subjects = counted(m.site.plant, event.subject) if event.subject else ()
    for subject in subjects:
        m.upheld[subject] = max(m.upheld.get(subject, 0), event.until_ns + 1)
        m.dirty.add("upheld")
    uphold(m)
    for subject in subjects:
        changed(m, out, subject, (index,))
    out.reply(200, status="rewound", entry=index)


def counted(plant: Plant, subject: str) -> tuple[str, ...]:
    """The tags that a disavowed tag or edge stands for; nothing where it is neither."""
    return (subject,) if subject in plant.tags else tags_from(plant, subject)
