"""Watchdogs: with a Tick that is due the model is asked what comes of no command, and its answer is looked at.

One finding an episode, not one an answer. What follows from it is the configuration's: advice of the core, one rung down, or
a command of the core, which gate 4 judges as it judges any other. No answer, or one from readings that do not count, moves
nothing; after several in a row people are told. Which moments are asked depends on time alone, and what an answer moves on
that answer alone: so low-trust data can keep the core from acting, and never make it act (NI-2).
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from twinvouch.commands import lookahead, not_acting
from twinvouch.commands.foreseen import Asked, Posed
from twinvouch.commands.not_acting import NAMES, TECHNIQUE, Foreseen, Outlook
from twinvouch.commands.view import Moment
from twinvouch.commands.watching import Watching, may_act, unknown
from twinvouch.core.command import CORE, CommandStatus
from twinvouch.core.event import Simulate, SimulationDone
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.lookahead import Prediction, Question
from twinvouch.core.watchdog import Response, SafeAction, Watchdog
from twinvouch.engine import foreseeing, modes, own
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.engine.standing_in import judging

_ACTING = frozenset({Outlook.NEAR})
_TOLD = frozenset({Outlook.NEAR, Outlook.LOST})


def on_simulated(m: Memory, out: Out, event: SimulationDone) -> None:
    """Take an answer, of a watchdog or about a command."""
    for name, watching in m.watching.items():
        if watching.asked is not None and watching.asked.ident == event.ident:
            posed = watching.asked.posed
            seen, why = foreseeing.answer_of(posed.raw, event)
            m.counts["watchdog:failed" if why else "watchdog:answered"] += 1
            _settle(m, out, name, Prediction(posed.question, seen, why))
            out.reply(200, status="watched")
            return
    foreseeing.on_simulated(m, out, event)


def pass_time(m: Memory, out: Out) -> None:
    """With every Tick: give up what has no answer, ask what is due."""
    for name, watchdog in m.site.watchdogs.items():
        watching = m.watching.get(name, Watching())
        if watching.asked is not None:
            limit_ns = foreseeing.SPARE_NS + watchdog.ahead.deadline_ns
            if m.now_ns - watching.asked.asked_ns > limit_ns:
                m.counts["watchdog:late"] += 1
                why = f"none came within {limit_ns / 1e9:g} s"
                _settle(m, out, name, Prediction(watching.asked.posed.question, None, why))
        elif m.now_ns // watchdog.every_ns != watching.turn and not m.is_disk_full:
            _ask(m, out, name, watchdog)


def begin(m: Memory, out: Out) -> None:
    """A start: what was asked is asked again; what nobody configures any more is forgotten."""
    for name, watching in sorted(m.watching.items(), key=lambda w: w[0]):
        if name not in m.site.watchdogs:
            del m.watching[name]
            m.dirty.add(f"watching/{name}")
        elif watching.asked is not None:
            asked = replace(watching.asked, asked_ns=m.now_ns)
            _keep(m, name, replace(watching, asked=asked))
            out.effects.append(Simulate(asked.ident, asked.posed.raw))


def _ask(m: Memory, out: Out, name: str, watchdog: Watchdog) -> None:
    at, ahead = _moment(m), watchdog.ahead
    turn = m.now_ns // watchdog.every_ns
    watching = replace(m.watching.get(name, Watching()), turn=turn)
    question = lookahead.idle_question(at, ahead)
    if tag := unknown(at, ahead):
        _keep(m, name, watching)
        _settle(m, out, name, Prediction(question, None, f"`{tag}` was never trusted"))
        return
    ident = sha256(b"watch" + out.salt + name.encode()).hexdigest()
    trusted = lookahead.rests_on(at, ahead)
    asked = Asked(ident[:32], Posed.of(question), m.now_ns, (), trusted)
    may = may_act(at, m.site.plant, ahead)
    _keep(m, name, replace(watching, asked=asked, may_act=may))
    m.counts["watchdog:asked"] += 1
    out.effects.append(Simulate(asked.ident, asked.posed.raw))


def _settle(m: Memory, out: Out, name: str, prediction: Prediction) -> None:
    """An answer, or why there is none."""
    watchdog, before = m.site.watchdogs.get(name), m.watching[name]
    watching = replace(before, asked=None)
    _keep(m, name, watching)
    if watchdog is None:
        return
    seen = not_acting.look(watchdog, prediction)
    if before.asked is not None and not {*before.asked.trusted} <= {
        *lookahead.rests_on(_moment(m), watchdog.ahead)
    }:
        seen = "a tag that it started from is not trusted any more"
    if isinstance(seen, str):
        _missing(m, out, name, seen)
        return
    if watching.is_told:
        told = f"what comes of no command is known again to watchdog `{name}`"
        out.report([Finding("watchdog", name, Severity.INFO, told)])
    watching = replace(watching, missing=0, is_told=False)
    _keep(m, name, watching)
    if seen.outlook is Outlook.CALM and before.may_act:
        _end(m, out, name)
    elif seen.outlook in _TOLD:
        _near(m, out, (name, watchdog), prediction.asked, seen)


def _missing(m: Memory, out: Out, name: str, why: str) -> None:
    watching, watchdog = m.watching[name], m.site.watchdogs[name]
    missing = watching.missing + 1
    if missing >= watchdog.unanswered and not watching.is_told:
        told = (
            f"{missing} questions of watchdog `{name}` in a row had no answer, the last one: {why}"
        )
        out.report([Finding("watchdog", name, Severity.MEDIUM, told)])
        watching = replace(watching, is_told=True)
    _keep(m, name, replace(watching, missing=missing))


def _near(m: Memory, out: Out, of: tuple[str, Watchdog], asked: Question, seen: Foreseen) -> None:
    """A finding where it begins; and every time, as long as it lasts, what moves an actuator."""
    name, watchdog = of
    watching = m.watching[name]
    is_new = not watching.since_ns
    if is_new:
        watching = _told(m, out, of, seen)
    may = watching.may_act and seen.outlook in _ACTING
    action = (
        _next(m, watchdog, asked) if may and watchdog.response is Response.SAFE_ACTION else None
    )
    why = not_acting.sentence(watchdog, seen)
    if action is not None:
        own.propose(m, out, action, f"{why} (finding in entry {watching.entry})")
    elif is_new and watchdog.response is Response.STEP_DOWN:
        for asset in watchdog.assets:
            modes.step_down(m, out, asset, why, (watching.entry,))
    elif is_new:
        own.advise(m, out, watchdog, why, (watching.entry,))


def _told(m: Memory, out: Out, of: tuple[str, Watchdog], seen: Foreseen) -> Watching:
    name, watchdog = of
    source = watchdog.ahead.sources.get(seen.quantity)
    subject = name if source is None else source.tag
    numbers = (("minutes", seen.at_s / 60), ("near", float(seen.near)), ("members", float(seen.members)))  # fmt: skip
    told = Finding(NAMES[0], subject, Severity.HIGH, not_acting.sentence(watchdog, seen), TECHNIQUE, numbers)  # fmt: skip
    entries = sorted({e for _, e in own.started(m, watchdog.ahead)})
    index = out.report([told], entries)
    watching = replace(m.watching[name], since_ns=m.now_ns, entry=index, subject=subject)
    m.counts[f"watchdog:{seen.outlook.value}"] += 1
    return _keep(m, name, watching)


def _end(m: Memory, out: Out, name: str) -> None:
    """The finding is over: nothing leaves soon, by a start that could have moved something."""
    watching = m.watching[name]
    if watching.since_ns:
        lasted = (m.now_ns - watching.since_ns) / 60e9
        told = f"without a command nothing leaves its limits soon, after {lasted:.3g} min in which something did"
        out.report([Finding(NAMES[0], watching.subject, Severity.INFO, told)], [watching.entry])
        _keep(m, name, replace(watching, since_ns=0, entry=-1, subject=""))


def _next(m: Memory, watchdog: Watchdog, asked: Question) -> SafeAction | None:
    """One of the list that is not so already; from another one on in every turn, since one that was refused may be again.

    Which one it is depends on time and on what was started from. None while a permit of the core for it is on its way.
    """
    first = m.now_ns // watchdog.every_ns % max(1, len(watchdog.safe))
    stands = dict(_stands(watchdog, asked))
    order = (*watchdog.safe[first:], *watchdog.safe[:first])
    chosen = next((a for a in order if stands.get(a.tag) != a.value), None)
    mine = (r.command for r in m.records.values() if r.status is CommandStatus.PERMITTED)
    is_busy = any(c.principal == CORE and chosen and c.tag == chosen.tag for c in mine)
    return None if is_busy else chosen


def _stands(watchdog: Watchdog, asked: Question) -> Iterator[tuple[str, float]]:
    """Where actuators are, of those of which that is certain."""
    state, sources = dict(asked.state), watchdog.ahead.sources
    for name, source in sources.items():
        if state[name].is_exact and source.error == 0 and source.factor:
            yield source.tag, (state[name].centre - source.offset) / source.factor


def _moment(m: Memory) -> Moment:
    return Moment(m.site, m.frame, judging(m), {}, m.now_ns, m.now_ns)


def _keep(m: Memory, name: str, watching: Watching) -> Watching:
    m.watching[name] = watching
    m.dirty.add(f"watching/{name}")
    return watching
