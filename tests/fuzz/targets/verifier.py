"""The stand-alone verifier's readers: checkpoints, keys, entry bundles, entries."""

from twinvouch.verifier.entry import read_heading
from twinvouch.verifier.note import KeyTextError, LineError, read_key, read_note
from twinvouch.verifier.walk import split

SEEDS = [
    "net3/0\n2\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n— net3/0 AAAAAKqqqg==\n".encode(),
    b"net3/0+00000000+AaqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqA",
    b"\x00\x03\x83\x01\x18\x00\x02\x82\x01",
    b"\x86\x01\x18\x41\x64net3\x00\x40\x00",
]


def one(raw: bytes) -> None:
    """Each says what is wrong in its own error, or reads; a note that reads has the text it was read from."""
    read_heading(raw)
    entries, end = split(raw, 256)
    assert b"".join(len(e).to_bytes(2, "big") + e for e in entries) == raw[:end]
    try:
        note = read_note(raw)
    except LineError as error:
        assert error.line >= 1
    else:
        assert raw.startswith(note.text())
    try:
        read_key(raw.decode("utf-8", "replace"))
    except KeyTextError:
        return
