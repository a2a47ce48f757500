"""The mode of every asset: who may move it, how a rule takes it down and gives it back, and what follows at once.

Every change begins a new epoch, is entered (87), is told to the actuator process, for which permits of an older epoch are void
from then on, and has held commands judged again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from twinvouch.commands.capability import required
from twinvouch.commands.view import mandatory
from twinvouch.core.event import Announce
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import CommandClass, Principal
from twinvouch.core.label import expired
from twinvouch.core.mode import Mode, Rung, Stepped
from twinvouch.core.ports import PolicyRequest
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine.again import judge_held
from twinvouch.engine.memory import Memory, permit_epoch
from twinvouch.engine.out import Entered, Out
from twinvouch.engine.persons import is_one
from twinvouch.ledger.moved import Moved, moved_entry
from twinvouch.wire.cbor import encode
from twinvouch.wire.mode import write_mode

VERBS: Final[Mapping[Verb, Rung]] = {Verb(rung.label): rung for rung in Rung}
_DAY_NS: Final = 24 * 3_600_000_000_000
_RECENT_NS: Final = 120_000_000_000  # twice the longest life of a permit
_LONGEST_WHY: Final = 500  # characters that are kept of a reason
PERSON, RULE, EVIDENCE, TIME = "person", "rule", "evidence", "time"


def shown(asset: str, mode: Mode) -> bytes:
    """Digest of what a person is shown before raising: the asset, its rung and its epoch."""
    return sha256(encode([asset, int(mode.rung), mode.epoch])).digest()


def objection(m: Memory, said: Statement) -> str:
    """Why a statement about a mode has no effect, whoever signed it; empty where it has one."""
    asset, rung = said.subject, VERBS[said.verb]
    if asset not in m.site.plant.assets:
        return f"`{asset}` is no asset of plant `{m.site.plant.id}`"
    if not said.reason.strip():
        return "a mode is changed with a reason: say why"
    mode = m.mode_of(asset)
    if rung == mode.rung and mode.stepped is None:
        return f"`{asset}` is in mode {rung.label} already"
    return _not_raised(m, said, mode) if rung < mode.rung else ""


def _not_raised(m: Memory, said: Statement, mode: Mode) -> str:
    """Why an asset is not raised; empty where it is."""
    asset, rung, rules = said.subject, VERBS[said.verb], m.site.modes
    highest = rules.highest.get(asset, Rung.SUPERVISED)
    if rung < highest:
        return f"`{asset}` goes no higher than {highest.label} (`highest_mode` in twin.yaml)"
    if said.shown != shown(asset, mode):
        return (
            f"`{asset}` is in mode {mode.rung.label}, epoch {mode.epoch}: look again and sign again"
        )
    rested_ns = m.now_ns - mode.since_ns
    if mode.epoch and rested_ns < rules.dwell_ns:
        left_s = (rules.dwell_ns - rested_ns) / 1e9
        return f"`{asset}` changed its mode {rested_ns / 1e9:.0f} s ago: wait {left_s:.0f} s more"
    for left, _, why in _left_without(m):
        if left == asset:
            return f"{why}: restore it first"
    return _not_autonomous(m, said, mode) if rung is Rung.AUTONOMOUS else ""


def _not_autonomous(m: Memory, said: Statement, mode: Mode) -> str:
    """Why autonomy is not granted by this statement."""
    asset, rules = said.subject, m.site.modes
    if said.expires_ns - m.now_ns > rules.autonomous_ns:
        return f"autonomy ends, after {rules.autonomous_ns / 3.6e12:g} hours at the latest"
    first = mode.asked
    if first is not None and is_one(m, first[0], said.principal) and first[2] >= m.now_ns:
        return f"`{first[0]}` asked for autonomy of `{asset}` already: a second person with another key is needed"
    return ""


def forbidden(m: Memory, signer: Principal, said: Statement) -> str:
    """What the policy has against it."""
    plant, rung = m.site.plant, VERBS[said.verb]
    asset = plant.assets[said.subject]
    answer = m.site.policy.decide(
        PolicyRequest(
            principal=signer.id,
            principal_kind=signer.kind.value,
            roles=frozenset(r.value for r in signer.roles),
            action="setMode",
            resource_type="Asset",
            resource=asset.id,
            attributes={"plant": plant.id, "zone": asset.zone},
            context={"mode": int(m.mode_of(asset.id).rung), "to": int(rung)},
        )
    )
    return "" if answer.allowed else f"policy: {answer.why}"


def take(m: Memory, out: Out, said: Statement, by: Entered) -> None:
    """A person's word that was entered: down at once, up where it may go, autonomous when a second one says so."""
    asset, rung, mode = said.subject, VERBS[said.verb], m.mode_of(said.subject)
    until_ns, because = 0, [by.entry]
    if rung is Rung.AUTONOMOUS and mode.rung is not Rung.AUTONOMOUS:
        first = mode.asked
        if first is None or first[2] < m.now_ns or first[1] != said.shown:
            asked = (said.principal, said.shown, said.expires_ns, by.entry)
            _keep(m, asset, replace(mode, asked=asked))
            out.reply(200, status="waiting", asset=asset, why="a second person is needed")
            return
        until_ns, because = min(first[2], said.expires_ns), [first[3], by.entry]
    change = Mode(rung, until_ns=until_ns, by=said.principal, why=said.reason)
    now = _change(m, out, asset, change, PERSON, because)
    out.reply(200, status="set", asset=asset, mode=rung.label, epoch=now.epoch, entry=now.entry)


def step_down(
    m: Memory,
    out: Out,
    asset: str,
    why: str,
    because: Sequence[int] = (),
    causes: Sequence[str] = (),
) -> bool:
    """One rung down by a rule, to advisory at most and within the day's budget; False where it stays.

    `because` are ledger entries. It goes back by itself when all `causes` (tags) count again; without any (a key was
    misused) a person has to raise it. A further cause while it is down adds to those that have to be over.
    """  # fmt: skip
    mode = m.mode_of(asset)
    if mode.rung >= Rung.ADVISORY:
        _also(m, asset, mode, causes)
        return False
    day = m.now_ns // _DAY_NS
    steps = mode.steps if mode.day == day else 0
    if steps >= m.site.modes.down_per_day:
        if steps == m.site.modes.down_per_day:  # told once a day
            _keep(m, asset, replace(mode, day=day, steps=steps + 1))
            out.report([_spent(asset, steps, why)], list(because))
        return False
    back = Stepped(mode.rung, tuple(sorted(causes)))
    change = Mode(Rung(mode.rung + 1), until_ns=mode.until_ns, by="rule", why=why, stepped=back)
    _change(m, out, asset, replace(change, day=day, steps=steps + 1), RULE, because)
    return True


def _also(m: Memory, asset: str, mode: Mode, causes: Sequence[str]) -> None:
    stepped = mode.stepped
    if stepped is None or not stepped.causes:
        return
    more = tuple(sorted({*stepped.causes, *causes})) if causes else ()
    if more != stepped.causes:
        _keep(m, asset, replace(mode, stepped=replace(stepped, causes=more, whole_ns=0)))


def _spent(asset: str, steps: int, why: str) -> Finding:
    sentence = (
        f"`{asset}` was taken down {steps} times today, which is the limit, and stays where it is although {why}; "
        "a person decides"
    )
    return Finding("mode_budget", asset, Severity.HIGH, sentence)


def follow_trust(m: Memory, out: Out, because: Sequence[int] = ()) -> None:
    """Take down what a person's distrust leaves without its inputs, where the configuration says so."""
    for asset, causes, why in _left_without(m):
        stepped = m.mode_of(asset).stepped
        if stepped is None or not set(causes) <= set(stepped.causes):
            step_down(m, out, asset, why, because, causes)


def _left_without(m: Memory) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Assets with actuators of the classes that are followed, of which distrust took away what they rest on; and the words."""
    letters = m.site.modes.on_distrust
    tags = m.distrust().tags if letters else {}
    gone = frozenset(t for t, until in tags.items() if until > m.now_ns)
    if gone:
        yield from _without_inputs(m, gone)
        yield from _without_sources(m, gone)


def _without_inputs(m: Memory, gone: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for tag in m.site.plant.tags.values():
        if tag.limits is not None and tag.command_class in m.site.modes.on_distrust:
            causes = tuple(sorted(gone & set(mandatory(tag))))
            if causes:
                why = f"{_names(causes)}, which `{tag.id}` rests on, is distrusted"
                yield tag.asset, causes, why


def _without_sources(m: Memory, gone: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Of a level that has a virtual sensor one word leaves the estimate; here all that could tell of it is distrusted."""
    for v in m.site.virtual.values():
        beside = (t for tags, _ in m.beside[v.tag].witnesses for t in tags)
        if {v.tag, *v.inputs, *beside} <= gone:
            why = f"`{v.tag}` and all that could stand in for it are distrusted"
            for asset in v.assets:
                if _classes(m, asset) & m.site.modes.on_distrust:
                    yield asset, (v.tag,), why


def _names(tags: Sequence[str]) -> str:
    return ", ".join(f"`{t}`" for t in tags)


def pass_time(m: Memory, out: Out) -> None:
    """With every Tick: autonomy ends, distrust from elsewhere is followed, and what was taken down for a cause goes back."""
    follow_trust(m, out)
    for asset, mode in list(m.modes.items()):
        if mode.rung is Rung.AUTONOMOUS and m.now_ns > mode.until_ns:
            change = Mode(Rung.SUPERVISED, by="time", why="autonomy ended")
            _change(m, out, asset, change, TIME, [mode.entry])
        elif mode.stepped is not None and mode.stepped.causes:
            _return(m, out, asset, mode, mode.stepped)


def _return(m: Memory, out: Out, asset: str, mode: Mode, stepped: Stepped) -> None:
    if not _count_again(m, asset, stepped.causes):
        if stepped.whole_ns:
            _keep(m, asset, replace(mode, stepped=replace(stepped, whole_ns=0)))
        return
    whole_ns = stepped.whole_ns or m.now_ns
    if m.now_ns - whole_ns < m.site.modes.return_ns:
        if whole_ns != stepped.whole_ns:
            _keep(m, asset, replace(mode, stepped=replace(stepped, whole_ns=whole_ns)))
        return
    is_over = stepped.back is Rung.AUTONOMOUS and m.now_ns > mode.until_ns
    back = Rung.SUPERVISED if is_over else stepped.back
    why = f"{_names(stepped.causes)} has counted again for {(m.now_ns - whole_ns) / 1e9:.0f} s"
    until_ns = mode.until_ns if back is Rung.AUTONOMOUS else 0
    seen = {e for t in stepped.causes if (e := m.frame.entry(t)) >= 0}
    change = Mode(back, until_ns=until_ns, by="evidence", why=why, day=mode.day, steps=mode.steps)
    _change(m, out, asset, change, EVIDENCE, sorted({mode.entry, *seen}))


def _count_again(m: Memory, asset: str, causes: Sequence[str]) -> bool:
    """True where nobody distrusts them and their labels reach what the asset's highest class demands."""
    rules = [m.site.plant.classes.get(letter) for letter in _classes(m, asset)]
    demands = [required(rule) for rule in rules if rule is not None]
    label = expired(m.label(causes), m.now_ns)
    is_short = any((label.axes[:, k] < d).any() for k in range(len(causes)) for d in demands)
    return not is_short and bool((label.fresh_until >= m.now_ns).all())


def _classes(m: Memory, asset: str) -> set[CommandClass]:
    """Of all actuators of an asset."""
    tags = (t for t in m.site.plant.tags.values() if t.asset == asset)
    return {t.command_class for t in tags if t.command_class is not None}


def announce(m: Memory, out: Out) -> None:
    """Tell the actuator process, which just connected, of modes so new that it may have older permits in hand."""
    for asset, mode in m.modes.items():
        if mode.epoch and m.now_ns - mode.since_ns <= _RECENT_NS:
            _tell(m, out, asset, mode.rung)


def _tell(m: Memory, out: Out, asset: str, rung: Rung) -> None:
    plant = m.site.plant
    if plant.actuator:
        epoch = permit_epoch(m, asset)
        out.effects.append(Announce(write_mode(plant.id, asset, epoch, rung)))


def restored(m: Memory, out: Out, index: int) -> None:
    """A backup was restored: who was asked for autonomy since is not known, so there is none."""
    for asset, mode in list(m.modes.items()):
        if mode.rung is Rung.AUTONOMOUS:
            change = Mode(Rung.SUPERVISED, by="rule", why="a backup was restored")
            _change(m, out, asset, change, RULE, [index])
        elif mode.asked is not None:
            _keep(m, asset, replace(mode, asked=None))


def _change(
    m: Memory, out: Out, asset: str, mode: Mode, cause: str, because: Sequence[int]
) -> Mode:
    """Begin a new epoch, and everything that follows."""
    before, plant = m.mode_of(asset), m.site.plant
    mode = replace(mode, epoch=before.epoch + 1, since_ns=m.now_ns, why=mode.why[:_LONGEST_WHY])
    if not mode.day:
        mode = replace(mode, day=before.day, steps=before.steps)
    named = out.blob([mode.by, mode.why])
    told = Moved(asset, before.rung, mode.rung, mode.epoch, cause, mode.until_ns)
    index = out.append(moved_entry(plant.id, m.now_ns, named, told, because))
    mode = replace(mode, entry=index)
    _keep(m, asset, mode)
    m.counts[f"mode:{cause}"] += 1
    about = {"asset": asset, "mode": mode.rung.label, "was": before.rung.label, "epoch": mode.epoch}
    out.publish("mode", **about, cause=cause, by=mode.by, why=mode.why, entry=index)
    _tell(m, out, asset, mode.rung)
    judge_held(m, out, asset, (index,))
    return mode


def _keep(m: Memory, asset: str, mode: Mode) -> None:
    m.modes[asset] = mode
    m.dirty.add("modes")
