"""Whatever clients say and wherever it is cut: the device is asked only reads, in our words, and every request is answered."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import modbus_guard
from twinvouch.app.bench.proxy_matrix import requests
from twinvouch.wire.modbus_stream import write_frame

PDUS = st.one_of(st.sampled_from(list(requests().values())), st.binary(min_size=1, max_size=40))
FRAMES = st.builds(write_frame, st.integers(0, 0xFFFF), st.sampled_from((0, 1, 9)), PDUS)
PIECES = st.one_of(FRAMES, FRAMES, FRAMES, st.binary(max_size=12))


@settings(max_examples=150, deadline=None)
@given(size=st.integers(0, 255), guard=st.integers(0, 255), said=st.lists(PIECES, max_size=12))
def test_only_reads_in_our_own_words_go_on(size: int, guard: int, said: list[bytes]) -> None:
    modbus_guard.one(bytes((size, guard)) + b"".join(said))
