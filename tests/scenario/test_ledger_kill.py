"""A real process publishes and is killed with SIGKILL; the ledger goes on, nothing signed is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twinvouch import verifier
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles

WRITER = """
import sys
from pathlib import Path
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
ledger = LedgerFiles(Path(sys.argv[1]), "net3/0", SeededSigner(bytes(32)))
while True:
    ledger.publish([b"entry %d" % n for n in range(ledger.size, ledger.size + 37)])
    print(ledger.size, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay_ms", [0, 1, 2, 3, 5])
def test_what_was_published_survives_kill_9(tmp_path: Path, delay_ms: int) -> None:
    told = 0
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(8):
            told = int(writer.stdout.readline())
        time.sleep(delay_ms / 1000)
        writer.send_signal(signal.SIGKILL)
        told = int(([str(told), *writer.stdout.read().split()])[-1])
        writer.wait()
        writer.stdout.close()
        key = (tmp_path / "log.vkey").read_text()
        report = verifier.verify(tmp_path, key)
        assert report.ok, report.faults
        assert report.size >= told
    ledger = LedgerFiles(tmp_path, "net3/0", SeededSigner(bytes(32)))
    assert ledger.size >= told >= 24 * 37
    ledger.close()
