"""Which processes are look-ahead workers of a core, and whether a write that look-ahead allowed has reached the drill's plant."""

import json
import os
import subprocess
import sys
from pathlib import Path

from twinvouch.lab.drill import ahead
from twinvouch.lab.drill.site import SETPOINTS, setpoints


def test_a_worker_is_found_by_whose_child_it_is_and_what_it_runs() -> None:
    pipe = subprocess.PIPE
    worker = subprocess.Popen(
        [sys.executable, "-m", "twinvouch.app.lookahead_process"], stdin=pipe, stdout=pipe
    )
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=pipe)
    try:
        found = ahead.workers(os.getpid())
        assert worker.pid in found
        assert other.pid not in found
        assert ahead.workers(worker.pid) == []
        assert ahead.kill(worker.pid)
        assert worker.wait(30) == -9
        assert worker.pid not in ahead.workers(os.getpid())
        assert not ahead.kill(worker.pid), "it is gone"
    finally:
        other.kill()
        for process in (worker, other):
            process.communicate()


def test_only_a_write_to_a_tried_set_point_after_the_place_counts(tmp_path: Path) -> None:
    journal = tmp_path / "plant.jsonl"
    lines = [{"address": setpoints()[tag], "words": [1, 2]} for tag in (SETPOINTS[0], SETPOINTS[3])]
    text = [json.dumps(line) + "\n" for line in lines]
    journal.write_text("".join(text), "ascii")
    assert ahead.is_tried(journal, 0)
    assert not ahead.is_tried(journal, len(text[0]))
    with journal.open("a", encoding="ascii") as file:
        file.write('{"address": 0, "wor')  # written just now
    assert not ahead.is_tried(journal, len(text[0]))
