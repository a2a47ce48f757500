"""The content of a disavowal: what is written is read, and nothing else is one."""

from dataclasses import replace

import pytest

from twinvouch.core.disavowal import Disavowal
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.disavowal import is_disavowal, read_disavowal, write_disavowal
from twinvouch.wire.genesis import is_genesis

SAID = Disavowal("ann", "tank/level", 1, 5, "it lied", bytes(32), b"n" * 16, 7, 9)


def test_what_is_written_is_read_and_told_apart() -> None:
    content = write_disavowal(SAID, "toy")
    assert read_disavowal(content, "toy") == SAID
    assert is_disavowal(content)
    assert not is_genesis(content)
    with pytest.raises(MalformedError):
        read_disavowal(content, "other")


@pytest.mark.parametrize(
    "but",
    [
        {"until_ns": 0},
        {"expires_ns": 6},
        {"shown": b""},
        {"nonce": b"n"},
        {"subject": ""},
        {"reason": "x" * 1001},
    ],
)
def test_what_does_not_fit_is_not_written(but: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        write_disavowal(replace(SAID, **but), "toy")  # type: ignore[arg-type]
