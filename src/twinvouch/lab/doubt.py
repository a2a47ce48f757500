"""The demo's first act: a sensor is found to have lied for a while, and what it had touched is told and checked.

The tank's gauge drifts by so little that nobody notices, and commands go on being executed from it. At minute 3 a
person finds out, says by the command line that it was bad since minute 1, and a second person confirms the list that
the core worked out. Each entry of the list is held against a second account of the ledger (`resting`), and the log is
rewound to see what would have been decided. A minute of this act is three seconds. It comes before the attacks: what
they leave behind in the model's eyes may hold every command for a while.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from twinvouch.core.errors import UnavailableError
from twinvouch.lab import liar, resting
from twinvouch.lab.doubted import Doubt
from twinvouch.lab.net3 import BY_TAG, LEVEL, REGISTERS, RUN
from twinvouch.lab.play import Say
from twinvouch.lab.processes import Processes
from twinvouch.lab.site import ENGINEERS
from twinvouch.lab.stage import AGREED_S, agrees, is_far

MINUTE_S: Final = 3.0
SLOPE: Final = 0.02  # metres a second: too little for the learned model to be sure of it so soon
OTHER: Final = "tank-2/level"  # of the same scan group, and honest
_WAIT_S: Final = 20.0
_PAGE: Final = "1000"
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """What was said, and what the core listed: `rows` are the touched entries, `advice` that rests on it and that does not."""

    lied_m: float
    said: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    advice: tuple[str, str]

    @property
    def executed(self) -> Sequence[str]:
        """Commands that were executed because of it while it lied, in order."""
        until = self.said["until_ns"]
        return [
            str(row["command"])
            for row in self.rows
            if (row["kind"], row.get("status")) == ("outcome", "executed") and row["at_ns"] <= until
        ]


async def act(stage: Processes, say: Say) -> Listed:
    """Lie, be found out, and let two persons say so; the list is there afterwards."""
    until = stage.seconds() + AGREED_S
    while stage.seconds() < until and not await _is_begun_well(stage):
        await stage.sleep(0.5)
    say(f"`{LEVEL}` begins to lie (a minute of this act is {MINUTE_S:.0f} s) ...")
    await stage.sleep(MINUTE_S - time.time() % 1)  # --since takes whole seconds
    since, began = time.time_ns() // 10**9, stage.seconds()
    stage.means.liar.lie(LEVEL, liar.ramp(SLOPE))
    await stage.sleep(1.0)
    advice = await _advise(stage, RUN, LEVEL), await _advise(stage, OTHER, OTHER)
    await _commands_executed(stage, since * 10**9)
    await stage.sleep(max(began + 2 * MINUTE_S - stage.seconds(), 0.0))
    reads = await stage.api.get(f"/tags/{LEVEL}", purpose="demo")
    lied_m = reads["value"] - stage.true_value(LEVEL)
    ident = await _disavow(stage, since)
    stage.means.liar.stop()
    said = await _confirmed(stage, ident)
    rows = await _rows(stage, ident)
    await _restore(stage)
    say(
        f"found, and disavowed by two persons: {len(rows)} entries rest on it; it is mended and restored\n"
    )
    return Listed(round(lied_m, 3), said, rows, advice)


async def _is_begun_well(stage: Processes) -> bool:
    """Whether the pump rests, will for a while, and the model agrees.

    A stop is held while what it rests on is distrusted. A pump that goes on for longer than ever fills the tank to where
    it never was; what was learned then fits no tag any more, so that commands stay held and the pump goes on.
    """
    return stage.true_value(RUN) == 0 and is_far(stage) and await agrees(stage)


async def look_back(
    stage: Processes, listed: Listed, receipt_of: str, entries: Iterable[bytes]
) -> Doubt:
    """After the processes ended: a second account of the ledger, which is `entries`, and the log again without the lie."""
    kinds = [row["kind"] for row in listed.rows]
    told = await _rewound(stage, int(listed.said["until_ns"]))
    executed = set(listed.executed)
    otherwise = {
        d["command"] for d in told["decisions"] if (d["new"] or {}).get("verdict") != "allow"
    }
    tag = next((t for t in told["tags"] if t["tag"] == LEVEL), None)
    return Doubt(
        tag=LEVEL,
        lied_m=listed.lied_m,
        since_ns=listed.said["since_ns"],
        until_ns=listed.said["until_ns"],
        disavowal=listed.said["id"],
        by=(listed.said["principal"], listed.said["second"]),
        states=kinds.count("batch"),
        advice=kinds.count("advice"),
        commands=kinds.count("command"),
        executed=len(executed),
        touched=len(kinds),
        exact=_is_exact(listed, islice(entries, listed.said["entry"])),
        receipt_of=receipt_of,
        rewind_faithful=told["faithful"] is True,
        rewind_decisions=len(told["decisions"]),
        rewind_held=len(executed & otherwise),
        trust=None if tag is None else tag["old"]["headline"],
        rewound_trust=None if tag is None else tag["new"]["headline"],
    )


async def _advise(stage: Processes, about: str, tag: str) -> str:
    """One recommendation of a person, by the command line; gives its id."""
    entry = (await stage.api.get(f"/tags/{tag}", purpose="demo"))["entry"]
    says = f"leave it as it is, `{tag}` is as it should be"
    asked = ("advice", "give", "--as", ENGINEERS[0], "--about", about, "--says", says)
    answer = await _cli(stage, *asked, "--input", f"{tag}={entry}")
    return answer.split(": ", 1)[1].split()[0]


async def _commands_executed(stage: Processes, since_ns: int) -> None:
    """Wait until a command that was proposed since then is executed."""
    until = stage.seconds() + _WAIT_S
    while stage.seconds() < until:
        listed = await stage.api.get("/commands", status="executed", limit=1000, purpose="demo")
        if any(c["tag"] == RUN and c["made_ns"] > since_ns for c in listed):
            return
        await stage.sleep(0.2)
    raise UnavailableError(f"no command was executed from `{LEVEL}` in {_WAIT_S:.0f} s")


async def _disavow(stage: Processes, since_s: int) -> str:
    """The first person's word; gives its id."""
    since = datetime.fromtimestamp(since_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    about = ("distrust", LEVEL, "--since", since, "--person", ENGINEERS[0])
    answer = await _cli(stage, *about, "--reason", "the gauge glass shows less", "--yes", "--json")
    return str(json.loads(answer)["id"])


async def _confirmed(stage: Processes, ident: str) -> Mapping[str, Any]:
    """Wait for the list, let the second person confirm it; how it stands then."""
    await _until(stage, ident, "waiting")
    about = ("disavowal", "confirm", ident, "--person", ENGINEERS[1])
    await _cli(stage, *about, "--reason", "I have seen it, too", "--yes")
    return await _until(stage, ident, "in_effect")


async def _restore(stage: Processes) -> None:
    """The gauge is mended: an engineer is shown what is known of it, and takes the distrust from now on back."""
    about = ("restore", LEVEL, "--person", ENGINEERS[1], "--reason", "the gauge is mended", "--yes")
    for _ in range(_TRIES - 1):
        with suppress(UnavailableError):  # something new is known by the time it comes: look again
            await _cli(stage, *about)
            return
        await stage.sleep(1.0)
    await _cli(stage, *about)


async def _until(stage: Processes, ident: str, stage_name: str) -> Mapping[str, Any]:
    until = stage.seconds() + _WAIT_S
    while stage.seconds() < until:
        for d in await stage.api.get("/disavowals", purpose="demo"):
            if (d["id"], d["stage"]) == (ident, stage_name):
                return dict(d)
        await stage.sleep(0.1)
    raise UnavailableError(f"disavowal {ident} is not `{stage_name}` in {_WAIT_S:.0f} s")


async def _rows(stage: Processes, ident: str) -> Sequence[Mapping[str, Any]]:
    """All entries that it touches, page by page."""
    rows: list[Mapping[str, Any]] = []
    after: int | None = -1
    while after is not None:
        about = ("disavowal", "show", ident, "--as", ENGINEERS[1], "--limit", _PAGE)
        page = json.loads(await _cli(stage, *about, "--after", str(after), "--json"))
        rows += page["entries"]
        after = page["next"]
    return rows


async def _rewound(stage: Processes, to_ns: int) -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(await _cli(stage, "rewind", "--to", str(to_ns), "--json"))
    return told


async def _cli(stage: Processes, *args: str) -> str:
    """A person at a terminal."""
    config = str(stage.directory / "twin.yaml")
    return await stage.children.said(args[0], (*args, "--config", config))


def _is_exact(listed: Listed, entries: Iterable[bytes]) -> bool:
    """Whether the list is what the second account of the ledger says, no more and no less."""
    group = BY_TAG[LEVEL].group
    column = sorted(r.tag for r in REGISTERS if r.group == group).index(LEVEL)
    lie = resting.Lie(group, column, listed.said["since_ns"], listed.said["until_ns"])
    pieces = {row["advice"] for row in listed.rows if row["kind"] == "advice"}
    rests, does_not = listed.advice
    return (
        {row["entry"] for row in listed.rows} == resting.resting(entries, lie)
        and rests in pieces
        and does_not not in pieces
    )
