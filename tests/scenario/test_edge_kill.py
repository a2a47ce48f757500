"""kill -9 of the edge, again and again, with a core that comes and goes: the chain has no hole."""

import base64
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from time import monotonic, sleep

import pytest

from twinvouch.adapters.keys import generate
from twinvouch.adapters.spool import Spool
from twinvouch.wire.batch import read_header
from twinvouch.wire.cose import unseal

KILLS = 3
CHILD = """
import sys
from pathlib import Path
from twinvouch.app.edge_process import run

class Device:
    async def read(self, unit, table, address, count):
        return [7] * count
    async def close(self):
        pass

sys.exit(run(Path(sys.argv[1]), None, lambda settings, directory: Device()))
"""
TWIN = """
version: 1
plant: {{id: net3}}
assets: {{tank-1: {{}}}}
devices: {{plc-1: {{host: 127.0.0.1, port: 5020}}}}
groups: {{fast: {{edge: edge-1, period_s: 0.005, max_age_s: 5}}}}
tags:
  tank-1/level: {{unit: m, group: fast, device: plc-1, table: holding, address: 3}}
edges: {{edge-1: {{groups: [fast], gather_s: 0.001, core: "http://127.0.0.1:{port}"}}}}
principals: [{{id: edge-1, kind: edge, key: {key}}}]
"""


class Core:
    """Takes batches; every third request it loses on the way in, every seventh its own answer."""

    def __init__(self) -> None:
        taken: list[bytes] = []
        asked = [0]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the edge was killed while it sent: no request at all
                    self.close_connection = True
                    return
                asked[0] += 1
                if asked[0] % 3 == 0:
                    self.answer(503, b"{}")
                    return
                taken.append(body)
                if asked[0] % 7 == 0:
                    self.close_connection = True
                    return
                self.answer(200, b'{"status": "admitted"}')

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.taken = taken
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.slow
def test_the_chain_has_no_hole_whatever_is_killed(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key = base64.b64encode(generate(tmp_path / "keys" / "edge-1.key")).decode()
    core = Core()
    config = tmp_path / "twin.yaml"
    config.write_text(TWIN.format(port=core.server.server_port, key=key))
    chance = Random(3)
    try:
        for turn in range(KILLS + 1):
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(config)], stderr=subprocess.PIPE, text=True
            )
            assert child.stderr is not None
            assert "1 scan groups" in child.stderr.readline()
            before = len(core.taken)
            sleep(chance.uniform(0.05, 0.5))
            if turn % 2 or turn == KILLS:  # on a busy machine too some lives get as far as the core
                wait_for(core.taken, before)
            if turn == KILLS:  # every seventh answer is lost: one batch at least was sent again
                wait_for(core.taken, 14)
            os.kill(child.pid, signal.SIGKILL if turn < KILLS else signal.SIGTERM)
            said = child.stderr.read()
            code = child.wait()
            child.stderr.close()
            assert code == (-signal.SIGKILL if turn < KILLS else 0), said
    finally:
        core.close()
    sealed = [unseal(raw) for raw in [*core.taken, *left_in_spool(tmp_path)]]
    batches = {
        (h.identity.epoch, h.identity.seq): (h.prev, s.digest)
        for s, h in ((s, read_header(s.content)) for s in sealed)
    }
    chain = [batches[place] for place in sorted(batches)]
    assert [prev for prev, _ in chain] == [bytes(32), *[digest for _, digest in chain[:-1]]]
    assert len({epoch for epoch, _ in batches}) >= 2
    assert len(sealed) > len(batches), "some were sent again: at least once, not exactly once"


def wait_for(taken: list[bytes], more_than: int) -> None:
    until = monotonic() + 60
    while len(taken) <= more_than:
        assert monotonic() < until, "nothing came from the edge"
        sleep(0.02)


def left_in_spool(directory: Path) -> list[bytes]:
    spool = Spool(directory / "data" / "edges" / "edge-1.spool", "edge-1")
    found = []
    while (batch := spool.oldest()) is not None:
        found.append(batch.raw)
        spool.acknowledge(batch.identity)
    spool.close()
    return found
