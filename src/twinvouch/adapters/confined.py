"""What a process that runs foreign numbers may not do: grow without end, open a connection, start or trace a program.

Memory by RLIMIT_AS, core dumps and new processes by their limits; connections and programs by a seccomp filter, which needs no
privilege and cannot be taken off. The filter names what is forbidden, so what it does not name is allowed: reading and
writing files as the user, most of all. Where there is no seccomp for this machine nothing but the limits holds, and
`confine` says so. On Linux it ends with the thread that started it, hung or not. A descriptor that was open before stays open: the parent opens none but the pipes.
"""

import ctypes
import platform
import resource
import signal
import struct
import sys
from typing import Final

_PARENT_DEATH, _NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 1, 38, 22, 2  # prctl.h, seccomp.h
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # EPERM; the whole process
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # classic BPF
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # of struct seccomp_data
_X32 = 0x40000000
# socket, socketpair, connect, accept, accept4, bind, listen, sendto, sendmsg, sendmmsg, execve, execveat, ptrace,
# process_vm_readv, process_vm_writev, io_uring_setup, bpf, kill, tkill, tgkill, fork and vfork where they exist
_FORBIDDEN: Final = {
    "x86_64": (
        0xC000003E,
        (41, 53, 42, 43, 288, 49, 50, 44, 46, 307, 59, 322, 101, 310, 311, 425, 321, 62, 200, 234, 57, 58),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 199, 203, 202, 242, 200, 201, 206, 211, 269, 221, 281, 117, 270, 271, 425, 280, 129, 130, 131),
    ),
}  # fmt: skip


def confine(memory_mib: int) -> str:
    """Confine this process for ever. Gives what is not prevented; empty where all of it is."""
    size = memory_mib * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _no_network()


def _no_network() -> str:
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _FORBIDDEN:
        return f"no seccomp filter for {sys.platform} {machine}: connections and programs are not prevented"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    program = _program(*_FORBIDDEN[machine])
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    filter_ = ctypes.create_string_buffer(head, len(head))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(
        _SECCOMP, _FILTER, ctypes.byref(filter_), 0, 0
    ):
        return f"this kernel takes no seccomp filter (errno {ctypes.get_errno()}): connections and programs are not prevented"
    return ""


def _program(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """Another architecture ends the process, as does the x32 table; a number in the list is EPERM."""
    count = len(numbers)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, count + 1, 0, _X32),
        *((_EQUAL, count - n, 0, number) for n, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
