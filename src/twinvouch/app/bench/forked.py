"""Something that is worked out in a copy of this process, which ends with it: what it changes here stays as it was."""

import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing import Pipe
from typing import TypeVar

from twinvouch.lab.children import die_with

T = TypeVar("T")


def forked(work: Callable[[], T]) -> T:
    """What `work` returns. Raises RuntimeError where the copy failed; what it said is on stderr."""
    ours, theirs = Pipe(duplex=False)
    sys.stdout.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:  # never comes back from here
        code = 1
        try:
            die_with(parent)
            theirs.send(work())
            code = 0
        except BaseException:  # noqa: BLE001 - it is told, and the copy ends
            traceback.print_exc()
        finally:
            os._exit(code)
    theirs.close()
    try:
        found: T = ours.recv()
    except EOFError:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        raise RuntimeError(f"a copy of this process ended with {code}") from None
    os.waitpid(child, 0)
    return found
