"""A mode notice: one form, and nothing else."""

import pytest

from twinvouch.core.errors import MalformedError
from twinvouch.core.mode import Rung
from twinvouch.wire.cbor import encode
from twinvouch.wire.mode import is_mode, read_mode, write_mode
from twinvouch.wire.permit import read_permit


def test_it_says_what_was_written() -> None:
    content = write_mode("net3", "pump-1", (1 << 32) + 7, Rung.READ_ONLY)
    assert content == encode([1, 19, "net3", "pump-1", (1 << 32) + 7, 3])
    assert is_mode(content)
    assert read_mode(content, "net3") == ("pump-1", (1 << 32) + 7, Rung.READ_ONLY)


@pytest.mark.parametrize(
    "content",
    [
        [1, 19, "other", "pump-1", 7, 3],
        [1, 19, "net3", "pump-1", 7, 5],
        [1, 19, "net3", "pump-1", -1, 3],
        [1, 19, "net3", "pump-1", 7],
        [1, 19, "net3", "", 7, 3],
        [1, 5, "net3", "pump-1", 7, 3],
    ],
)
def test_nothing_else_is_one(content: list[object]) -> None:
    with pytest.raises(MalformedError):
        read_mode(encode(content), "net3")


def test_it_never_passes_as_a_permit() -> None:
    with pytest.raises(MalformedError):
        read_permit(write_mode("net3", "pump-1", 7, Rung.SUPERVISED))
