"""What a guard proxy refused, told by the actuator process: findings, counted like everything that is refused."""

from typing import Final

from twinvouch.core.errors import MalformedError
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Principal
from twinvouch.core.scan import Sight
from twinvouch.engine.keys import use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out, doubt, enter, refuse
from twinvouch.readings.wording import plain
from twinvouch.wire.cose import Sealed
from twinvouch.wire.scan import read_scan

NAME: Final = "proxy_scan"
_OLDEST_NS: Final = 600_000_000_000  # a report is told at once, or when the core is back
_TECHNIQUES: Final = {"function": "T0846", "unit": "T0846", "range": "T0846", "role": "T0859"}
_WORDS: Final = {
    "function": "of functions that it does not pass",
    "data": "that are malformed",
    "unit": "to units that are not behind it",
    "broadcast": "that write to all units",
    "role": "that the client's role does not grant",
    "range": "outside what may be read",
    "echo": "of diagnostics",
}


def on_scan(m: Memory, out: Out, sealed: Sealed, signer: Principal) -> None:
    """Take a report once; only of the plant's actuator process, and not of long ago."""
    plant = m.site.plant
    try:
        scan = read_scan(sealed.content, plant.id)
    except MalformedError as error:
        refuse(m, out, signer.id, doubt(error, signer.id))
        return
    late = (
        m.now_ns - scan.at_ns > _OLDEST_NS or scan.at_ns - m.now_ns > m.site.commands.max_ahead_ns
    )
    if signer.id != plant.actuator or late:
        why = f"`{signer.id}` tells of a guard proxy that is not its own, or of long ago"
        index = enter(m, out, signer.id, Finding("outcome", signer.id, Severity.HIGH, why))
        out.reply(422, status="refused", why=why, entry=index)
        return
    if scan.nonce in m.nonces:
        out.reply(200, status="duplicate")
        return
    m.nonces[scan.nonce] = scan.at_ns + _OLDEST_NS
    m.dirty.add("nonces")
    first: int | None = None
    for sight in scan.sights:
        seconds = max(1.0, (scan.at_ns - scan.since_ns) / 1e9)
        index = enter(
            m, out, f"{signer.id}/{plain(sight.device)}/{sight.why}", _finding(sight, seconds)
        )
        first = index if first is None else first
    if first is not None:
        use(m, sealed.key_id, "outcome", first)
    out.reply(200, status="taken", entry=first)


def _finding(sight: Sight, seconds: float) -> Finding:
    codes = ", ".join(map(str, sight.codes[:8]))
    many = "request" if sight.count == 1 else "requests"
    sentence = (
        f"the guard proxy before `{plain(sight.device)}` refused {sight.count} {many} {_WORDS[sight.why]} within {seconds:.0f} s, "
        f"most from {plain(sight.peer) or 'nobody known'} (function codes {codes})"
    )
    technique = _TECHNIQUES.get(sight.why, "")
    evidence = (("count", float(sight.count)), ("codes", float(len(sight.codes))))
    severity = Severity.HIGH if sight.why in {"function", "broadcast", "role"} else Severity.MEDIUM
    return Finding(NAME, plain(sight.device), severity, sentence, technique, evidence)
