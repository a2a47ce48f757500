"""Something that is worked out in a copy of this process, which ends with it: what it changes here stays as it was."""

import os
import pickle
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def forked(work: Callable[[], T]) -> T:
    """What `work` returns. Raises RuntimeError where the copy failed; what it said is on stderr."""
    ours, theirs = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:  # never comes back from here
        code = 1
        try:
            os.close(ours)
            with os.fdopen(theirs, "wb") as pipe:
                pickle.dump(work(), pipe)
            code = 0
        except BaseException:  # noqa: BLE001 - it is told, and the copy ends
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a copy of this process ended with {os.waitstatus_to_exitcode(status)}")
    found: T = pickle.loads(told)  # noqa: S301 - of our own making
    return found
