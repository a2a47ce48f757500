"""kill -9 of the core between a disavowal and what it touches: nothing that was said is forgotten or worked out otherwise."""

import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from tests.unit.app.test_cli_disavowal import TAG, Sender, moment, path, until
from tests.unit.app.test_live_core import closed, free_port

from twinvouch import verifier
from twinvouch.app import build
from twinvouch.app.client import address_of
from twinvouch.ledger.checkpoint import VerifierKey

__all__ = ["closed", "path"]
ROUNDS = 3
READY_S = 150.0


def start(path: Path) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(
        [sys.executable, "-m", "twinvouch", "run", str(path)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    url, give_up = f"{address_of(build.load(path))}/readyz", time.monotonic() + READY_S
    while time.monotonic() < give_up:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return child
        except httpx.TransportError:
            time.sleep(0.05)
    child.kill()
    raise AssertionError("the core was not ready in time")


def said(path: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch", *words, "--config", str(path)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def shown(path: Path, ident: str) -> Any:
    found = json.loads(said(path, "disavowal", "show", ident, "--as", "ann", "--json"))
    return found if found["stage"] != "tracing" else None


@pytest.mark.slow
def test_c40_what_was_said_before_a_kill_is_worked_out_after_it(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(text.replace("port: 8710", f"port: {free_port()}"), "utf-8")
    begin, chance = time.time_ns() - 2 * 10**9, Random(7)
    child = start(path)
    sender, idents = Sender(build.load(path)), list[str]()
    try:
        for _ in range(ROUNDS):
            sender.send()
            words = (
                "distrust",
                TAG,
                "--since",
                moment(begin),
                "--person",
                "ann",
                "--reason",
                "it lied",
            )
            idents.append(json.loads(said(path, *words, "--yes", "--json"))["id"])
            time.sleep(chance.uniform(0.0, 0.05))
            child.kill()
            child.wait()
            child = start(path)
        found = [until(lambda ident=ident: shown(path, ident)) for ident in idents]
        sizes = [d["counts"]["batch"] for d in found]
        assert sizes == list(range(1, ROUNDS + 1)), "each lists what was there when it was said"
        assert found[0]["stage"] == "in_effect"
        assert found[-1]["stage"] == "waiting", "alone it is too much within a day"
        words = ("disavowal", "confirm", idents[-1], "--reason", "so it is", "--yes")
        said(path, *words, "--person", "ann", code=1)
        assert said(path, *words, "--person", "bob").endswith("in_effect\n")
    finally:
        child.terminate()
        child.wait()
    config = build.load(path)
    key = VerifierKey("net3/0", build.log_signer(config).public_key).text()
    report = verifier.verify(config.data_dir / "ledger", key)
    assert report.faults == ()
    assert {"disavowal", "disavowed"} <= set(report.contents.kinds)
