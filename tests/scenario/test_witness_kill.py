"""A real witness is killed with SIGKILL while a core asks it: what it gave out is never contradicted."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.app.test_witness import ledger
from tests.unit.ledger.test_witness import KEY

from twinvouch import verifier
from twinvouch.adapters.keys import FileSigner, generate
from twinvouch.adapters.ledger_reader import LedgerReader
from twinvouch.adapters.witness_client import WitnessClient
from twinvouch.core.errors import UnavailableError
from twinvouch.ledger import witness
from twinvouch.ledger.cosignature import WitnessKey
from twinvouch.ledger.witness import Request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(directory: Path, port: int) -> subprocess.Popen[bytes]:
    own = ("--name", "w1", "--key", str(directory / "w.key"), "--state", str(directory / "state"))
    command = (sys.executable, "-m", "twinvouch", "witness", "serve", *own)
    log = ("--log", KEY.text(), "--port", str(port))
    return subprocess.Popen([*command, *log], stderr=subprocess.DEVNULL)


def ask(client: WitnessClient, place: Path, old: int) -> tuple[int, int]:
    """(code, size that was cosigned or is known) of one call; waits while nobody listens."""
    ledger_ = LedgerReader(place, (place / "checkpoint").read_bytes())
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = client.ask(Request(old, tuple(ledger_.consistency(old)), ledger_.note))
        except UnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            continue
        return answer.code, ledger_.head.size if answer.code == witness.OK else answer.size


@pytest.mark.slow
def test_a_killed_witness_goes_on_from_what_it_cosigned(tmp_path: Path) -> None:
    public = generate(tmp_path / "w.key")
    port = free_port()
    client = WitnessClient(WitnessKey("w1", public), f"http://127.0.0.1:{port}")
    place, told = tmp_path / "l", 0
    for _ in range(3):
        process = start(tmp_path, port)
        for _ in range(4):
            ledger(place, 5)
            code, size = ask(client, place, told)
            if code == witness.CONFLICT:  # it was killed after it remembered, before it answered
                assert size >= told
                code, size = ask(client, place, size)
            assert code == witness.OK
            assert size > told
            told = size
        process.send_signal(signal.SIGKILL)
        process.wait()
    forged = ledger(tmp_path / "forged", told + 5, fork=told - 1)
    process = start(tmp_path, port)
    code, size = ask(client, forged, 0)
    assert (code, size) == (witness.CONFLICT, told)
    code, _ = ask(client, forged, told)
    assert code == witness.UNPROVEN
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in {0, -signal.SIGTERM}
    client.close()
    assert FileSigner(tmp_path / "w.key").public_key == public
    assert verifier.verify(place, KEY.text()).ok
