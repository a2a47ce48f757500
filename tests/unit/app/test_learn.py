"""`twinvouch learn`, and what the model then finds in `replay`: through gate 2 and gate 1, as a user has it."""

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app.test_cli_config import call
from tests.unit.readings.detect.plant import FLOW, HOUR_NS, LEVEL, plant
from twinvouch.app import build, replay_run, run
from twinvouch.app.api import views
from twinvouch.app.core import Core
from twinvouch.core.event import Publish
from twinvouch.core.label import Axis
from twinvouch.core.table import Table
from twinvouch.core.ticket import Ticket, Work
from twinvouch.engine import Engine
from twinvouch.engine.memory import Memory

NAMES = ("level", "pressure", "flow", "run", "spare")
START = 438_000  # hours since 1970: a Tuesday of 2019
ROWS = 1500


def write(path: Path, table: Table) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", *NAMES))
        for t_ns, values in zip(table.t_ns.tolist(), table.values.tolist(), strict=True):
            moment = datetime.fromtimestamp(t_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            writer.writerow((moment, *(f"{v:.2f}" for v in values)))
    return path


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plant with a signed model, and CSVs beside it."""
    home = tmp_path_factory.mktemp("plant")
    train = write(home / "train.csv", plant(ROWS, 1, START))
    call("init", home, "--from-csv", train, "--time-zone", "UTC", "--plant", "tank")
    config = home / "twin.yaml"
    for name, *more in (("edge-1", "--kind", "edge"), ("mira", "--kind", "person", "--role", "model-signer")):  # fmt: skip
        call("principals", "add", name, *more, "--config", config)
    said = call("learn", "--from", train, "--out", home / "model", "--signer", "mira", "--config", config)  # fmt: skip
    assert "left out as suspect  0 rows" in said.stdout
    assert "`tank/level` above" in said.stdout
    config.write_text(config.read_text() + "detection: {model: model}\n")
    call("check", config)
    return home


def replayed(
    home: Path,
    tmp_path: Path,
    lie: Callable[[Any], None],
    before: Callable[[Memory], None] = lambda _m: None,
) -> tuple[list[dict[str, Any]], Memory]:
    """Findings of a replay in which `lie` changed values float64[300, 5], and the memory at its end."""
    table = plant(300, 5, START + ROWS)
    lie(table.values)
    path = write(tmp_path / "test.csv", table)
    found: list[dict[str, Any]] = []
    kept: list[Memory] = []
    fed = replay_run.fed

    def keep(effects: Any) -> Any:
        found.extend(e.body for e in effects if isinstance(e, Publish) and e.topic == "finding")
        return fed(effects)

    class Inline(replay_run._Core):
        def feed(self, raw: bytes, now_ns: int) -> Any:
            if not kept:
                kept.append(self.engine.memory)
                before(self.engine.memory)
            return super().feed(raw, now_ns)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replay_run, "fed", keep)
        patched.setattr(replay_run, "_Core", Inline)
        replay_run.run(path, build.load(home / "twin.yaml"), tmp_path / "replay")
    return found, kept[0]


def offset(values: Any) -> None:
    values[150:200, FLOW] += 12.0


def test_a_clean_replay_has_no_alarm(learned: Path, tmp_path: Path) -> None:
    found, memory = replayed(learned, tmp_path, lambda _v: None)
    assert not [f for f in found if f["rule"] in {"residual", "drift", "operating_change"}]
    assert memory.detector() is not None
    assert not memory.context().tickets


def test_a_lie_is_found_named_and_explained(learned: Path, tmp_path: Path) -> None:
    found, _ = replayed(learned, tmp_path, offset)
    alarms = [f for f in found if f["rule"] == "residual"]
    assert alarms[0]["subject"] == "tank/flow"
    assert alarms[0]["severity"] == "high"
    sentence = alarms[0]["sentence"]
    assert re.search(r"`tank/flow` reads [\d.]+.*expected.*`tank/(run|level|pressure)`", sentence)
    assert [f["sentence"] for f in found if f["severity"] == "info" and f["subject"] == "tank/flow"]


def test_what_is_in_alarm_counts_for_less(learned: Path, tmp_path: Path) -> None:
    def lie(values: Any) -> None:
        values[250:, FLOW] *= 0.7

    _, memory = replayed(learned, tmp_path, lie)
    ids = memory.frame.ids
    label = memory.frame.label(ids, memory.now_ns)
    plausible = dict(zip(ids, label.axes[Axis.PLAUSIBILITY].tolist(), strict=True))
    assert plausible["tank/flow"] == 40
    assert plausible["tank/level"] == 255


def test_under_a_ticket_it_is_a_candidate_below_the_highest_class(
    learned: Path, tmp_path: Path
) -> None:
    def announce(memory: Memory) -> None:
        span = (START + ROWS + 100) * HOUR_NS, (START + ROWS + 300) * HOUR_NS
        memory.tickets[b"n"] = Ticket(Work.MAINTENANCE, ("tank/spare",), *span)

    def lie(values: Any) -> None:
        values[250:, FLOW] *= 0.7

    found, memory = replayed(learned, tmp_path, lie, announce)
    rules = {f["rule"] for f in found if f["subject"] == "tank/flow"}
    assert "operating_change" in rules
    assert "residual" not in rules
    label = memory.frame.label(["tank/flow"], memory.now_ns)
    highest = max(c.plausibility for c in memory.site.plant.classes.values())
    assert label.axes[Axis.PLAUSIBILITY][0] == highest - 1


def test_a_training_run_under_attack_is_told_and_the_attack_teaches_nothing(
    learned: Path, tmp_path: Path
) -> None:
    table = plant(ROWS, 1, START)
    table.values[700:740, LEVEL] += 0.7
    path = write(tmp_path / "attacked.csv", table)
    out = tmp_path / "model"
    said = call("learn", "--from", path, "--out", out, "--config", learned / "twin.yaml", "--json")
    report = json.loads(said.stdout)
    assert report == json.loads((out / "report.json").read_text())
    first = datetime.fromtimestamp((START + 700) * 3600, UTC).strftime("%Y-%m-%dT%H")
    assert any(
        s["from"][:11] == first[:11] and "tank/level" in s["tags"] for s in report["suspect"]
    )
    assert 20 <= report["suspect_rows"] <= 75
    kept = call("learn", "--from", path, "--out", out, "--config", learned / "twin.yaml", "--json", "--keep-suspect")  # fmt: skip
    assert json.loads(kept.stdout)["suspect_rows"] == 0


def test_what_the_core_admitted_teaches_the_same(learned: Path, tmp_path: Path) -> None:
    """`--from history`: the log of a replay, as the history of a plant of origin `replay`."""
    data = tmp_path / "replay"
    replay_run.run(learned / "train.csv", build.load(learned / "twin.yaml"), data)
    text = (learned / "twin.yaml").read_text()
    text = text.replace("{model: model}", "{model: not-there-yet}")
    other = learned / "history.yaml"
    other.write_text(re.sub(r"plant: \{id: tank", "plant: {origin: replay, id: tank", text).replace("data: data", f"data: {data}"))  # fmt: skip
    said = call("learn", "--from", "history", "--out", tmp_path / "m", "--config", other, "--json")
    report = json.loads(said.stdout)
    assert report["rows"] == ROWS
    own = json.loads((learned / "model" / "report.json").read_text())
    assert report["tags"] == own["tags"]
    assert report["control_rules"] == own["control_rules"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: (m / "manifest.cose").unlink(), "sign the model"),
        (lambda m: (m / "detector.npz").write_bytes(b"PK"), "not a zip archive"),
        (lambda m: (m / "detector.json").write_text("{}"), "expected format"),
        (lambda m: (m / "report.json").unlink(), "report.json"),
    ],
)
def test_a_broken_model_is_a_clear_error(
    learned: Path, tmp_path: Path, change: Callable[[Path], Any], told: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in (learned / "model").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    change(model)
    config = learned / "broken.yaml"
    text = (learned / "twin.yaml").read_text()
    config.write_text(text.replace("{model: model}", f"{{model: {model}}}"))
    said = call("replay", learned / "train.csv", "--config", config, code=3)
    assert told in said.stderr


def test_gate_2_has_the_last_word(learned: Path, tmp_path: Path) -> None:
    """A model that was changed after it was signed is read, and refused by the gate."""
    model = tmp_path / "model"
    model.mkdir()
    for file in (learned / "model").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    report = json.loads((model / "report.json").read_text())
    (model / "report.json").write_text(json.dumps({**report, "rows": 7}))
    config = learned / "changed.yaml"
    text = (learned / "twin.yaml").read_text()
    config.write_text(text.replace("{model: model}", f"{{model: {model}}}"))
    said = call("replay", learned / "train.csv", "--config", config, code=3)
    assert "not the one that was signed" in said.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--from", "nowhere.csv"), "nowhere.csv"),
        (("--from", "history"), "no live reading"),
    ],
)
def test_what_teaches_nothing_is_told(learned: Path, args: tuple[str, ...], told: str) -> None:
    out = learned / "none"
    config = learned / "twin.yaml"
    said = call(
        "learn", *args, "--out", out, "--config", config, code=2 if "history" in args else 3
    )
    assert told in said.stderr


def started(config: Path) -> Core:
    loaded = build.load(config)
    site = run.live_site(loaded, None)
    core = Core(Engine(site), build.stores(loaded), lambda _: None, loaded.data_dir / "models")
    core.start()
    run.tell_what_was_said(core, loaded)
    return core


def test_a_core_takes_the_configured_model_over_at_its_start_once(learned: Path) -> None:
    core = started(learned / "twin.yaml")
    size = core.engine.memory.size
    memory = core.engine.memory
    assert views.status(memory)["model"] == {
        "name": "normal",
        "digest": memory.site.detector.digest.hex(),  # type: ignore[union-attr]
        "at_work": True,
        "valid_until_ns": memory.models["normal"]["valid_until_ns"],
        "expired": False,
    }
    core.stop()
    core = started(learned / "twin.yaml")
    assert core.engine.memory.detector() is not None
    assert core.engine.memory.size == size + 1, "the start, and no second submission"
    core.stop()


def test_a_core_starts_without_a_model_that_gate_2_refuses_and_says_so(
    learned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in (learned / "model").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    report = json.loads((model / "report.json").read_text())
    (model / "report.json").write_text(json.dumps({**report, "rows": 8}))
    config = learned / "refused.yaml"
    text = (learned / "twin.yaml").read_text()
    config.write_text(
        text.replace("{model: model}", f"{{model: {model}}}").replace(
            "data: data", f"data: {tmp_path / 'd'}"
        )
    )
    core = started(config)
    assert core.engine.memory.detector() is None
    assert "NO DETECTION" in caplog.text
    assert views.status(core.engine.memory)["model"]["at_work"] is False  # type: ignore[index,call-overload]
    core.stop()
