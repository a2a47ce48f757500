"""The witness as people and cores meet it: over HTTP, with a directory, on the command line."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from starlette.requests import ClientDisconnect

from tests.unit.ledger.test_witness import KEY, LOG, LOGS, head, leaves, request
from twinvouch import verifier
from twinvouch.adapters.keys import FileSigner, SeededSigner, generate
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.ledger_reader import keep_witnessed, open_ledger
from twinvouch.adapters.witness_store import WitnessStore
from twinvouch.app import witness as service
from twinvouch.app.cli.witness import command
from twinvouch.app.witness_check import check, prove
from twinvouch.core.errors import CorruptError, TwoHistoriesError, UsageError
from twinvouch.ledger import checkpoint
from twinvouch.ledger.cosignature import cosigned_at
from twinvouch.ledger.witness import Request, write_request

W1, W2 = SeededSigner(b"\3" * 32), SeededSigner(b"\4" * 32)


def talk(
    directory: Path, story: Callable[[httpx.AsyncClient, WitnessStore], Awaitable[None]]
) -> None:
    async def run() -> None:
        store = WitnessStore(directory, "w1", W1)
        app = service.create_app(store, LOGS, directory)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
            await story(client, store)
        store.close()

    asyncio.run(run())


def ledger(directory: Path, *steps: int, fork: int = 10**9) -> Path:
    made = LedgerFiles(directory, "net3/0", LOG)
    for step in steps:
        sizes = range(made.size, made.size + step)
        made.publish([f"{n}{'!' * (n >= fork)}".encode() for n in sizes])
    made.close()
    return directory


def test_the_protocol_over_http(tmp_path: Path) -> None:
    async def story(client: httpx.AsyncClient, store: WitnessStore) -> None:
        path = f"/{sha256(b'net3/0').hexdigest()}/checkpoint"
        assert (await client.get(path)).status_code == 404
        first = await client.post("/add-checkpoint", content=write_request(request(0, leaves(3))))
        assert first.status_code == 200
        note = request(0, leaves(3)).note + first.content
        assert cosigned_at(checkpoint.read_note(note), store.key)
        assert (await client.get(path)).content == note
        again = await client.post("/add-checkpoint", content=write_request(request(0, leaves(9))))
        assert (again.status_code, again.text) == (409, "3\n")
        assert again.headers["content-type"] == "text/x.tlog.size"
        for asked, code in (
            (Request(0, (), b"x"), 400),
            (Request(4, (), request(0, leaves(3)).note), 400),
            (Request(0, (), checkpoint.sign(head(leaves(3), "other/0"), LOG)), 404),
            (request(0, leaves(3), W2), 403),
            (Request(3, (bytes(32),), request(0, leaves(9)).note), 422),
        ):
            answer = await client.post("/add-checkpoint", content=write_request(asked))
            assert answer.status_code == code, answer.text
        assert (await client.post("/add-checkpoint", content=b"nonsense")).status_code == 400
        large = await client.post("/add-checkpoint", content=b"old 0\n\n" + b"x" * (1 << 18))
        assert large.status_code == 413
        assert (await client.get("/livez")).json()["witness"] == store.key.text()

    talk(tmp_path, story)


def test_two_heads_over_http_leave_evidence(tmp_path: Path) -> None:
    async def story(client: httpx.AsyncClient, _: WitnessStore) -> None:
        await client.post("/add-checkpoint", content=write_request(request(0, leaves(5))))
        for fork in (request(5, leaves(5, 2)), request(5, leaves(9, 2))):
            answer = await client.post("/add-checkpoint", content=write_request(fork))
            assert answer.status_code == 422

    talk(tmp_path, story)
    found = sorted(prove(path, [KEY]) for path in tmp_path.glob("evidence-*.json"))
    assert len(found) == 2
    assert "history was rewritten" in found[0]
    assert "two heads of 5 entries" in found[1]


def test_evidence_files_are_bounded(tmp_path: Path) -> None:
    for n in range(service.EVIDENCE_MAX):
        (tmp_path / f"evidence-{n}.json").write_text("{}")

    async def story(client: httpx.AsyncClient, _: WitnessStore) -> None:
        await client.post("/add-checkpoint", content=write_request(request(0, leaves(5))))
        await client.post("/add-checkpoint", content=write_request(request(5, leaves(5, 2))))

    talk(tmp_path, story)
    assert len(list(tmp_path.glob("evidence-*.json"))) == service.EVIDENCE_MAX


def test_beyond_loopback_it_needs_a_certificate(tmp_path: Path) -> None:
    store = WitnessStore(tmp_path, "w1", W1)
    with pytest.raises(UsageError, match="--cert"):
        service.serve(store, LOGS, tmp_path, service.Place("0.0.0.0"))
    store.close()


def test_a_directory_is_cosigned_as_it_grows(tmp_path: Path) -> None:
    place, store = ledger(tmp_path / "l", 5), WitnessStore(tmp_path / "w", "w1", W1)
    looked = check(place, KEY, store, tmp_path)
    assert (looked.before, looked.made.head.size) == (0, 5)
    ledger(place, 300)
    looked = check(place, KEY, store, tmp_path)
    assert (looked.before, looked.made.head.size) == (5, 305)
    report = verifier.verify(place, KEY.text(), "", verifier.witness_policy([store.key.text()], 1))
    assert report.ok
    assert report.witnessed is not None
    assert report.witnessed.size == 305
    other = WitnessStore(tmp_path / "w2", "w2", W2)
    check(place, KEY, other, tmp_path)
    both = verifier.witness_policy([store.key.text(), other.key.text()], 2)
    assert verifier.verify(place, KEY.text(), "", both).ok
    assert "witnessed: 305 of 305 entries, by w1" in verifier.as_text(
        verifier.verify(place, KEY.text(), "", both)
    )
    store.close()
    other.close()


@pytest.mark.parametrize(("fork", "steps"), [(2, (5,)), (2, (9,)), (4, (300,)), (3, (4, 1))])
def test_a_rewritten_directory_is_shown_with_both_heads(
    tmp_path: Path, fork: int, steps: tuple[int, ...]
) -> None:
    store = WitnessStore(tmp_path / "w", "w1", W1)
    check(ledger(tmp_path / "l", 5), KEY, store, tmp_path)
    with pytest.raises(TwoHistoriesError, match="TWO HISTORIES"):
        check(ledger(tmp_path / "l2", *steps, fork=fork), KEY, store, tmp_path)
    [path] = tmp_path.glob("evidence-*.json")
    assert "signed" in prove(path, [KEY])
    assert store.last("net3/0").head.size == 5  # type: ignore[union-attr]
    store.close()


def test_an_old_copy_and_a_broken_one_are_no_second_history(tmp_path: Path) -> None:
    store = WitnessStore(tmp_path / "w", "w1", W1)
    check(ledger(tmp_path / "l", 300), KEY, store, tmp_path)
    with pytest.raises(CorruptError, match="an old copy"):
        check(ledger(tmp_path / "old", 5), KEY, store, tmp_path)
    broken = ledger(tmp_path / "broken", 301)
    path = broken / "tile/entries/000"
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CorruptError, match="entry"):
        check(broken, KEY, store, tmp_path)
    assert list(tmp_path.glob("evidence-*")) == []
    store.close()


def test_the_verifier_asks_for_the_witnesses_of_its_policy(tmp_path: Path) -> None:
    place, store = ledger(tmp_path / "l", 5), WitnessStore(tmp_path / "w", "w1", W1)
    asked = verifier.witness_policy([store.key.text()], None)
    report = verifier.verify(place, KEY.text(), "", asked)
    assert [f.why for f in report.faults] == ["cosigned by 0 of the 1 witnesses that it needs"]
    check(place, KEY, store, tmp_path)
    ledger(place, 7)  # the core goes on: what is witnessed is older than the head
    report = verifier.verify(place, KEY.text(), "", asked)
    assert report.ok
    assert report.witnessed is not None
    assert report.witnessed.size == 5
    for texts, needed in (([store.key.text()] * 2, 2), ([store.key.text()], 2), (["x"], 1)):
        with pytest.raises(ValueError, match=r"twice|reached|witness key"):
            verifier.witness_policy(texts, needed)
    store.close()


def test_the_verifier_names_what_a_witnessed_head_contradicts(tmp_path: Path) -> None:
    store = WitnessStore(tmp_path / "w", "w1", W1)
    check(ledger(tmp_path / "l", 5), KEY, store, tmp_path)
    witnessed = (tmp_path / "l" / "checkpoint.witnessed").read_bytes()
    for steps, fork, why in (((9,), 2, "TWO HISTORIES"), ((3,), 99, "entries are missing")):
        other = ledger(tmp_path / why, *steps, fork=fork)
        (other / "checkpoint.witnessed").write_bytes(witnessed)
        assert why in verifier.verify(other, KEY.text()).faults[0].why
    (tmp_path / "l" / "checkpoint.witnessed").write_bytes(b"junk\n")
    assert (
        "checkpoint.witnessed line" in verifier.verify(tmp_path / "l", KEY.text()).faults[0].place
    )
    store.close()


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_of_a_witnessed_head_counts(tmp_path: Path, bit: int) -> None:
    place, store = ledger(tmp_path / "l", 5), WitnessStore(tmp_path / "w", "w1", W1)
    check(place, KEY, store, tmp_path)
    asked = verifier.witness_policy([store.key.text()], 1)
    path = place / "checkpoint.witnessed"
    good = path.read_bytes()
    for at in range(len(good)):
        raw = bytearray(good)
        raw[at] ^= 1 << bit
        path.write_bytes(raw)
        assert not verifier.verify(place, KEY.text(), "", asked).ok, at
    store.close()


def test_a_cosigned_head_replaces_older_ones_only(tmp_path: Path) -> None:
    place, store = ledger(tmp_path / "l", 5), WitnessStore(tmp_path / "w", "w1", W1)
    old = check(place, KEY, store, tmp_path).made.note
    ledger(place, 3)
    new = check(place, KEY, store, tmp_path).made.note
    keep_witnessed(place, old)
    assert (place / "checkpoint.witnessed").read_bytes() == new
    assert open_ledger(place, KEY, "checkpoint.witnessed").head.size == 8
    store.close()


def test_the_command_line(tmp_path: Path) -> None:
    run = CliRunner()
    key = str(tmp_path / "w.key")
    made = run.invoke(command, ["key", "--name", "w1", "--out", key])
    assert made.exit_code == 0
    vkey = made.output.strip()
    assert run.invoke(command, ["key", "--name", "w1", "--out", key]).output.strip() == vkey
    place = ledger(tmp_path / "l", 5)
    common = ["--name", "w1", "--key", key, "--state", str(tmp_path / "s"), "--log", KEY.text()]
    looked = run.invoke(command, ["check", str(place), *common])
    assert looked.output.startswith("net3/0: 5 entries cosigned, 0 were before\n")
    told = json.loads(run.invoke(command, ["check", str(place), *common, "--json"]).output)
    assert (told["size"], told["before"]) == (5, 5)
    (tmp_path / "log.vkey").write_text(KEY.text())
    common[-1] = str(tmp_path / "log.vkey")
    shutil.rmtree(place)
    forked = run.invoke(command, ["check", str(ledger(place, 6, fork=1)), *common])
    assert isinstance(forked.exception, TwoHistoriesError)
    [path] = (tmp_path / "s").glob("evidence-*.json")
    proven = run.invoke(command, ["evidence", str(path), "--log", KEY.text()])
    assert proven.exit_code == 6
    assert "PROVEN: log `net3/0` signed root" in proven.output
    told = json.loads(
        run.invoke(command, ["evidence", str(path), "--log", KEY.text(), "--json"]).output
    )
    assert len(told["heads"]) == 2
    assert len(FileSigner(Path(key)).public_key) == 32
    with pytest.raises(UsageError, match="log key"):
        service.logs_of(["nonsense"])


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    from twinvouch.adapters.keys import KeyAlgorithm

    generate(tmp_path / "k", KeyAlgorithm.ES256)
    done = CliRunner().invoke(
        command,
        ["check", str(tmp_path), "--name", "w", "--key", str(tmp_path / "k"),
         "--state", str(tmp_path / "s"), "--log", KEY.text()],
    )  # fmt: skip
    assert "signs with Ed25519" in str(done.exception)


def test_who_asks_and_is_killed_meanwhile_is_no_error() -> None:
    class Gone:
        async def stream(self) -> AsyncIterator[bytes]:
            yield b"old 0"
            raise ClientDisconnect

    gone: Any = Gone()
    assert asyncio.run(service._body(gone)) is None
