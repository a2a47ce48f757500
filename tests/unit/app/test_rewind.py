"""The log fed again as if what is disavowed had been known: what comes out, and what is refused."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app import rewound_plant as plants
from tests.unit.app.rewound_plant import PUMP, SECOND, A, B, Plant, configured, lied_to
from tests.unit.app.test_cli_config import call
from twinvouch import verifier
from twinvouch.adapters.lock_file import hold
from twinvouch.adapters.sqlite_state import SqliteState, open_reader
from twinvouch.app import backup, build, disowned, rewind, rewind_report
from twinvouch.app.config_model import Config
from twinvouch.app.disowned import Disowned
from twinvouch.app.moments import moment_text
from twinvouch.app.rewind import Wanted
from twinvouch.core.errors import (
    ConfigError,
    CorruptError,
    GoneError,
    UnavailableError,
    UsageError,
)
from twinvouch.core.ports import Group
from twinvouch.engine.rows import restore
from twinvouch.wire.cbor import encode

MORE_ENCRYPTED = "encryption: {core_kek: core.kek}\n"


def files(directory: Path) -> Mapping[str, str]:
    """Every file of the plant's data, by its digest; what SQLite keeps beside a database while it is read is no data."""
    return {
        str(p.relative_to(directory)): sha256(p.read_bytes()).hexdigest()
        for p in sorted(directory.rglob("*"))
        if p.is_file() and "rewinds" not in p.parts and not p.name.endswith(("-wal", "-shm"))
    }


def told(config: Config, *without: Disowned, **but: Any) -> Mapping[str, Any]:
    return rewind_report.as_data(rewind.rewind(config, Wanted(without=without, **but)))


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Disowned]:
    """A plant that was lied to, and what to leave out."""
    config = configured(tmp_path_factory.mktemp("lied") / "plant")
    _, at = lied_to(config)
    return config, Disowned(A, at["since"], at["until"])


def verified(found: Mapping[str, Any]) -> verifier.Report:
    report = verifier.verify(Path(found["ledger"]), found["ledger_key"])
    assert report.ok, report.faults
    return report


def test_with_nothing_disavowed_the_new_lineage_is_the_old_one(
    lied: tuple[Config, Disowned],
) -> None:
    config, _ = lied
    before = files(config.data_dir)
    done = rewind.rewind(config, Wanted())
    found = rewind_report.as_data(done)
    assert files(config.data_dir) == before
    nothing = ("decisions", "advice", "tags", "estimates", "models")
    assert not any(found[name] for name in nothing)
    assert found["findings"]["old_only"]["count"] == found["findings"]["new_only"]["count"] == 0
    with_state = open_reader(config.data_dir / "state.db")
    new = open_reader(done.directory / "state.db")
    old_rows, end = with_state.load()
    rows, log_end = new.load()
    size = with_state.leaf_count()
    assert new.leaves(0, size) == with_state.leaves(0, size)
    assert new.leaf_count() == size + 1, "and one entry that says what this is"
    assert (log_end, end) == (end, end)
    assert {k for k in {*rows, *old_rows} if rows.get(k) != old_rows.get(k)} == {"engine"}, (
        "its size"
    )
    with_state.close(), new.close()
    report = verified(found)
    assert report.origin.startswith("tanks/rewind-")
    assert report.contents.kinds["rewind"] == 1
    assert [(e.origin, e.size) for e in report.epochs] == [("tanks/0", 0)]


def test_what_rested_on_a_lie_would_have_been_held(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    before = files(config.data_dir)
    found = told(config, lie)
    assert files(config.data_dir) == before
    assert [d["executed"] for d in found["decisions"]] == [True, True]
    for d in found["decisions"]:
        assert (d["tag"], d["class"]) == (PUMP, "C")
        assert (d["old"]["verdict"], d["new"]["verdict"]) == ("allow", "hold")
        assert (d["old_end"], d["new_end"]) == ("executed", "held")
        assert "`a/level` (distrusted by a person)" in d["new"]["why"]
        assert {*d["new"]["rules"]} == {"label"}
    assert [d["old"]["value"] for d in found["decisions"]] == [60.0, 61.0]
    assert [d["new"]["value"] for d in found["decisions"]] == [None, None]
    assert found["decisions_made"] == 2, "the one before the lie is not decided again"
    [advice] = found["advice"]
    assert (advice["old"]["standing"], advice["new"]["standing"]) == ("shown", "labelled")
    assert found["outcomes_passed_over"] == 2
    assert found["permits_not_issued"] == 0


def test_the_corrected_state_is_what_the_other_gauges_say(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    found = told(config, lie)
    [tag] = found["tags"]
    assert (tag["tag"], tag["old"]["value"], tag["new"]["value"]) == (A, 5.3, 5.3), "evidence stays"
    assert (tag["old"]["headline"], tag["new"]["headline"]) == (200, 0)
    [level] = found["estimates"]
    assert (level["name"], level["left_out"]) == ("level", [A])
    assert level["tags"] == {A: 5.3, "b/level": 5.0, "c/level": 5.0}
    assert level["others"]["value"] == 5.0
    assert min(level["others"]["label"].values()) == 200


def test_a_write_that_the_plant_carried_out_still_explains_what_it_moved(
    lied: tuple[Config, Disowned],
) -> None:
    config, lie = lied
    found = told(config, lie)
    assert found["findings"]["new_only"]["by_rule"] == {}, "no unpermitted actuation"


def test_the_ledger_says_what_it_departs_from_and_by_what(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    found = told(config, lie)
    report = verified(found)
    assert report.contents.kinds["rewind"] == 2
    first, last = report.epochs
    assert (first.origin, first.size) == ("tanks/0", first.entry), "all before it is common"
    assert (last.size, last.root) == (first.size, first.root)
    assert last.entry == report.size - 1
    old = open_reader(config.data_dir / "state.db")
    new = open_reader(Path(found["directory"]) / "state.db")
    assert new.leaves(0, first.size) == old.leaves(0, first.size)
    raw = new.leaves(first.entry, first.entry + 1)[0]
    assert raw[1:4] == bytes((1, 0x18, 86))
    old.close(), new.close()
    assert found["records"] - found["records_before_fork"] > 200


def test_what_was_rebuilt_is_a_state_that_an_engine_takes(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    done = rewind.rewind(config, Wanted(without=(lie,)))
    state = open_reader(done.directory / "state.db")
    memory = build.live_site(config, b"")
    engine = rewind.Engine(memory)
    restore(engine.memory, state.load()[0])
    state.close()
    assert engine.memory.distrusted[A] == lie.until_ns + 1
    assert engine.memory.size == done.run.lineages.both.new.memory.size


def test_a_rewind_goes_up_to_a_moment(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    to_ns = lie.since_ns + 25 * SECOND
    found = told(config, lie, to_ns=to_ns)
    assert found["to"] == moment_text(to_ns - 1)
    assert [d["old"]["value"] for d in found["decisions"]] == [60.0], "the second came later"
    assert found["state_rows_compared"] == 0, "the state of the plant is of its end"
    verified(found)


def test_what_begins_after_that_moment_is_named_and_not_left_out(
    lied: tuple[Config, Disowned],
) -> None:
    config, lie = lied
    found = told(config, lie, to_ns=lie.since_ns - 5 * SECOND)
    assert found["disavowed"] == []
    assert [left["subject"] for left in found["not_left_out"]] == [A]
    assert found["decisions"] == []
    verified(found)


def test_what_begins_after_the_last_event_changes_nothing(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    later = Disowned(A, lie.until_ns + 60 * SECOND, lie.until_ns + 90 * SECOND)
    found = told(config, later)
    assert [left["why"] for left in found["not_left_out"]] == ["begins after the last event"]
    assert found["to"] == moment_text(lie.until_ns)
    assert (found["tags"], found["decisions"]) == ([], [])
    assert verified(found).contents.kinds["rewind"] == 1


def test_trust_returns_when_what_is_disavowed_ends(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    short = Disowned(A, lie.since_ns, lie.since_ns + 10 * SECOND)
    found = told(config, short)
    assert found["decisions"] == [], "the first command came ten seconds later"
    assert found["tags"] == []


def test_an_edge_is_all_its_tags(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    found = told(config, Disowned("edge-a", lie.since_ns, lie.until_ns))
    assert len(found["decisions"]) == 2
    assert [t["tag"] for t in found["tags"]] == [A]


def test_several_sources_begin_each_at_its_time(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    late = Disowned(B, lie.since_ns + 25 * SECOND, lie.until_ns)
    found = told(config, late, lie)
    assert [s["subject"] for s in found["disavowed"]] == [A, B]
    assert verified(found).contents.kinds["rewind"] == 3
    assert [t["tag"] for t in found["tags"]] == [A, B]


def test_what_is_nothing_of_the_plant_cannot_be_left_out(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    with pytest.raises(UsageError, match="`d/level` is no tag and no edge of plant `tanks`"):
        told(config, Disowned("d/level", lie.since_ns, lie.until_ns))
    many = [Disowned(A, lie.since_ns, lie.until_ns)] * (disowned.MOST + 1)
    with pytest.raises(UsageError, match="51 disavowals, a rewind takes at most 50"):
        told(config, *many)


def entry_of(index: int, *rest: object) -> bytes:
    return encode([1, index, "tanks", 5, *rest])


def test_disavowals_that_are_in_effect_are_read_from_the_ledger(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    leaves = [
        entry_of(82, b"c" * 32, "ann", A, 10, 20),
        entry_of(84, b"", 0, "tracing", 0, [], b"", [0]),
        entry_of(82, b"d" * 32, "ann", B, 30, 40),
        entry_of(84, b"", 2, "in_effect", 0, [], b"", [2]),
        entry_of(84, b"", 0, "in_effect", 0, [], b"", [0]),
        entry_of(82, b"e" * 32, "ann", "edge-a", 50, 60),
        entry_of(84, b"", 5, "waiting", 0, [], b"", [5]),
        entry_of(84, b"", 2, "withdrawn", 0, [], b"", [2]),
    ]
    state.commit(Group({}, [], list(enumerate(leaves)), 1))
    assert disowned.standing(state) == [Disowned(A, 10, 20, 0, b"c" * 32)]
    state.close()


# -- where it begins


def cut(config: Config, keep: int) -> None:
    """As retention does: segments of records below `keep` are gone."""
    log = config.data_dir / "log"
    for path in sorted(log.glob("*.seg"))[:-1]:
        if int(path.stem) < keep:
            path.unlink()


def in_segments(directory: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> Config:
    """A plant as `lied_to` makes it, whose log is in small segments."""
    from twinvouch.adapters import segment_log

    monkeypatch.setattr(segment_log.SegmentLog.__init__, "__defaults__", (20_000, None, segment_log.OS, segment_log.PLAIN))  # fmt: skip
    return configured(directory, more)


def backed_up(config: Config, out: Path, seconds: int = 30) -> Plant:
    """Some truth, and a backup after it."""
    plant = Plant(config)
    for _ in range(seconds):
        plant.second()
    plant.publish()
    backup.create(config, out)
    return plant


def test_without_the_beginning_of_the_log_a_rewind_begins_at_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = in_segments(tmp_path / "plant", monkeypatch)
    plant = backed_up(config, tmp_path / "backup")
    since = plant.now_ns + 5 * SECOND
    for _ in range(10):
        plant.second()
    plant.propose(60.0)
    plant.close()
    lie = Disowned(A, since, plant.now_ns)
    whole = told(config, lie)
    cut(config, 100)
    with pytest.raises(
        GoneError, match=r"does not begin at record 0.*--from.*retention.segments_days"
    ):
        told(config, lie)
    found = told(config, lie, backup=tmp_path / "backup")
    assert found["began_at_record"] > 0
    assert found["began_with"] == str(tmp_path / "backup")
    ways = ("decisions", "tags", "estimates", "advice", "findings", "disavowed", "models")
    assert {w: found[w] for w in ways} == {w: whole[w] for w in ways}
    assert len(found["decisions"]) == 1
    assert verified(found).size == verified(whole).size
    with pytest.raises(UsageError, match=r"was taken at .*, after .*: name an earlier one"):
        told(config, Disowned(A, plants.START, plant.now_ns), backup=tmp_path / "backup")


def test_a_backup_before_what_is_left_of_the_log_is_no_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = in_segments(tmp_path / "plant", monkeypatch)
    plant = backed_up(config, tmp_path / "backup", seconds=5)
    for _ in range(40):
        plant.second()
    plant.close()
    cut(config, 100)
    with pytest.raises(
        GoneError, match=r"the event log begins at record \d+, and backup .* ends at record"
    ):
        told(config, backup=tmp_path / "backup")


def test_a_backup_of_another_log_is_refused(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    backed_up(config, tmp_path / "backup", seconds=3).close()
    shutil.rmtree(config.data_dir)
    plant = Plant(config)
    plant.second()
    plant.close()
    with pytest.raises(UsageError, match="is of another log: entries 0 to"):
        told(config, backup=tmp_path / "backup")


# -- what makes it unfaithful


def test_another_configuration_is_named(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    _, at = lied_to(config)
    text = config.path.read_text("utf-8")
    config.path.write_text(text.replace("tolerance: 0.5", "tolerance: 0.1"), "utf-8")
    with pytest.raises(
        ConfigError, match=r"is not what the ledger has.*ran with configuration [0-9a-f]{64}"
    ) as error:
        told(build.load(config.path), Disowned(A, at["since"], at["until"]))
    assert "--before" in str(error.value)
    assert sorted(p.name for p in (config.data_dir / "rewinds").iterdir()) == ["lock"]


def test_a_configuration_of_before_is_used_for_its_time(tmp_path: Path) -> None:
    """The lie is told under one tolerance; under the next, after a restart, another gauge lies and nothing else changes."""
    config = configured(tmp_path / "plant")
    _, at = lied_to(config)
    shutil.copyfile(config.path, config.path.with_name("before.yaml"))
    text = config.path.read_text("utf-8")
    config.path.write_text(text.replace("tolerance: 0.5", "tolerance: 0.1"), "utf-8")
    new, old = build.load(config.path), build.load(config.path.with_name("before.yaml"))
    plant = Plant.after(new, at)
    plant.propose(62.0)
    for _ in range(5):
        plant.second(b=5.3, pump=62.0)
    plant.propose(63.0)
    plant.close()
    lie = Disowned(A, at["since"], plant.now_ns)
    with pytest.raises(ConfigError, match="is not what the ledger has"):
        told(new, lie)
    found = told(new, lie, before=(old,))
    assert found["other_configurations"] == []
    assert found["state_rows_compared"] > 50, "to the end, under both"
    assert [d["old"]["value"] for d in found["decisions"]] == [60.0, 61.0, 62.0, 63.0]
    # of two gauges that count neither outvotes the other
    assert {f["rule"] for f in found["findings"]["new_only"]["first"]} == {"redundancy"}
    assert verified(found).contents.kinds["start"] == 2


def test_a_configuration_that_decides_nothing_else_is_no_obstacle(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    _, at = lied_to(config)
    text = config.path.read_text("utf-8")
    config.path.write_text(text.replace("origin: live", "origin: live, description: two"), "utf-8")
    found = told(build.load(config.path), Disowned(A, at["since"], at["until"]))
    assert len(found["decisions"]) == 2
    [other] = found["other_configurations"]
    assert other["configuration"] == config.digest.hex()
    assert other["since"] == moment_text(plants.START)


def test_a_ledger_that_the_log_does_not_give_is_no_base(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    plant = Plant(config)
    plant.second()
    plant.close()
    state = SqliteState(config.data_dir / "state.db")
    state._connection.execute("UPDATE leaf SET entry = x'84' WHERE idx = 4")
    state.close()
    with pytest.raises(CorruptError, match=r"entry 4, of record .*, is not what the ledger has"):
        told(config)


def test_a_state_that_the_log_does_not_give_is_no_base(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    plant = Plant(config)
    plant.second()
    plant.close()
    state = SqliteState(config.data_dir / "state.db")
    state._connection.execute("DELETE FROM row WHERE key = 'frame/a'")
    state.close()
    with pytest.raises(CorruptError, match="1 rows are not what the log gives, `frame/a` first"):
        told(config)


def test_nothing_there_is_nothing_to_rewind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no state"):
        told(configured(tmp_path / "plant"))


def test_the_log_key_is_needed_and_never_made(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    plant = Plant(config)
    plant.close()
    (config.keys_dir / "log.key").unlink()
    with pytest.raises(ConfigError, match=r"has no `log.key`"):
        told(config)
    assert not (config.keys_dir / "log.key").exists()


# -- where it lies


def test_each_rewind_has_a_directory_of_its_own(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    Plant(config).close()
    first, second = told(config), told(config)
    assert [Path(d["directory"]).name for d in (first, second)] == ["1", "2"]
    out = tmp_path / "elsewhere"
    assert told(config, out=out)["directory"] == str(out)
    with pytest.raises(UsageError, match="is there: a rewind needs a directory of its own"):
        told(config, out=out)
    assert oct(out.stat().st_mode & 0o777) == "0o700"


def test_what_a_killed_rewind_left_is_removed_by_the_next(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    Plant(config).close()
    draft = config.data_dir / "rewinds" / "7.draft"
    draft.mkdir(parents=True)
    (draft / "state.db").write_text("half")
    found = told(config)
    assert found["drafts_removed"] == [str(draft)]
    assert not draft.exists()
    beside = tmp_path / "out.draft"
    beside.mkdir()
    with pytest.raises(UsageError, match="runs or was ended before it was done; delete it"):
        told(config, out=tmp_path / "out")
    assert beside.exists()


def test_two_rewinds_do_not_write_side_by_side(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    Plant(config).close()
    told(config)
    held = hold(config.data_dir / "rewinds" / "lock")
    try:
        with pytest.raises(UnavailableError, match="in use by another process"):
            told(config)
    finally:
        os.close(held)


def test_a_running_core_goes_on_beside_it(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    plant = Plant(config)
    for _ in range(3):
        plant.second()
    before = told(config)
    plant.second()
    plant.close()
    after = told(config)
    assert after["records"] == before["records"] + 4


# -- encrypted


def encrypted(directory: Path) -> tuple[Config, Disowned]:
    config = configured(directory, MORE_ENCRYPTED)
    _, at = lied_to(config)
    return config, Disowned(A, at["since"], at["until"])


def test_an_encrypted_log_is_rewound_into_an_encrypted_lineage(tmp_path: Path) -> None:
    config, lie = encrypted(tmp_path / "plant")
    before = files(config.data_dir)
    found = told(config, lie)
    assert files(config.data_dir) == before
    assert len(found["decisions"]) == 2
    verified(found)
    assert (Path(found["directory"]) / "keys.db").exists()
    raw = (Path(found["directory"]) / "state.db").read_bytes()
    assert b"distrusted by a person" not in raw


def test_what_was_shredded_is_named(tmp_path: Path) -> None:
    config, lie = encrypted(tmp_path / "plant")
    from twinvouch.adapters.key_store import KeyStore
    from twinvouch.adapters.vault import DAY_NS

    assert config.core_kek is not None
    keys = KeyStore(config.data_dir / "keys.db", config.core_kek, is_owner=False)
    keys.shred("edge-b", plants.START // DAY_NS, lie.until_ns)
    keys.close()
    with pytest.raises(
        CorruptError, match=r"keys of `edge-b` of 2026-09-21 \(1 records\) were shredded"
    ) as error:
        told(config, lie)
    assert "--from" in str(error.value)


# -- the command line


def called(config: Config, *arguments: str, code: int = 0) -> str:
    return call("rewind", "--config", config.path, *arguments, code=code).stdout


def since_until(lie: Disowned) -> Sequence[str]:
    return ("--without", A, "--since", str(lie.since_ns), "--until", moment_text(lie.until_ns))


def test_the_command_line_tells_people_and_programs(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    text = called(config, *since_until(lie))
    assert "decisions that would have been different: 2 of 2, 2 of them carried out" in text
    assert "allow -> hold, executed -> held" in text
    assert "`a/level` says 5.3, the others 5.0, trust 200" in text
    assert "faithful: all 376 entries" in text
    found = json.loads(called(config, *since_until(lie), "--json"))
    assert found["faithful"] is True
    assert len(found["decisions"]) == 2


def test_the_command_line_refuses_half_a_span(lied: tuple[Config, Disowned]) -> None:
    config, _ = lied
    called(config, "--without", A, "--since", "5", code=2)
    called(config, "--without", A, "--since", "5", "--until", "4", code=2)
    called(config, "--to", "yesterday", code=2)


def test_a_report_of_many_is_cut_for_people(lied: tuple[Config, Disowned]) -> None:
    config, lie = lied
    found = dict(told(config, lie))
    found["decisions"] = found["decisions"] * 20
    lines = list(rewind_report.as_lines(found))
    assert "  and 20 more: --json has them all" in lines
