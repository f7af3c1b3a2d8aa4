"""What a process that meets repository content takes from itself before it does: memory, files, network, programs.

In: nothing. Out: whether the kernel took the system-call filter. Afterwards the process can compute and answer, and little
else; where the kernel knows no filter (or forbids it), the limits stand alone. `become` is for a renderer: the process turns
into it, and what was taken stays taken; a renderer is never started without the filter.

Sources: setrlimit(2); seccomp(2) and the kernel's Documentation/userspace-api/seccomp_filter.rst; the numbers are those of
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import os
import resource
import struct
from collections.abc import Sequence
from typing import Final

OPEN_FILES: Final = 32
NO_MEMORY: Final = 12
"""Exit status of a process that came to the end of its memory."""
NO_FILTER: Final = 13
"""Exit status of a process that would have become a renderer, where the kernel takes no filter."""

_NO_NEW_PRIVILEGES: Final = 38
_SET_SECCOMP: Final = 22
_FILTER: Final = 2

# By machine: the audit word of the architecture, the number of openat, and the numbers of the calls that are refused: those
# that reach the network, run programs, touch other processes, change files, or go round this filter (io_uring does what it is
# asked without calls).
_REFUSED: Final = {
    "x86_64": (
        0xC000003E,
        257,
        {
            "open": 2, "socket": 41, "socketpair": 53, "connect": 42, "accept": 43, "accept4": 288, "bind": 49, "listen": 50,
            "sendto": 44, "sendmsg": 46, "sendmmsg": 307, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322,
            "kill": 62, "pidfd_send_signal": 424, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
            "pidfd_getfd": 438, "mount": 165, "umount2": 166, "unshare": 272, "setns": 308, "chroot": 161,
            "pivot_root": 155, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "keyctl": 250, "add_key": 248,
            "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "creat": 85, "mkdir": 83,
            "mkdirat": 258, "mknod": 133, "mknodat": 259, "rmdir": 84, "unlink": 87, "unlinkat": 263, "rename": 82,
            "renameat": 264, "renameat2": 316, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266,
            "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "lchown": 94, "fchown": 93, "fchownat": 260,
            "truncate": 76, "ftruncate": 77, "setxattr": 188, "openat2": 437,
        },
    ),
    "aarch64": (
        0xC00000B7,
        56,
        {
            "socket": 198, "socketpair": 199, "connect": 203, "accept": 202, "accept4": 242, "bind": 200,
            "listen": 201, "sendto": 206, "sendmsg": 211, "sendmmsg": 269, "execve": 221, "execveat": 281,
            "kill": 129, "pidfd_send_signal": 424, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
            "pidfd_getfd": 438, "mount": 40, "umount2": 39, "unshare": 97, "setns": 268, "chroot": 51,
            "pivot_root": 41, "bpf": 280, "userfaultfd": 282, "perf_event_open": 241, "keyctl": 219, "add_key": 217,
            "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "mkdirat": 34, "mknodat": 33,
            "unlinkat": 35, "renameat": 38, "renameat2": 276, "linkat": 37, "symlinkat": 36, "fchmod": 52,
            "fchmodat": 53, "fchown": 55, "fchownat": 54, "truncate": 45, "ftruncate": 46, "setxattr": 5,
            "openat2": 437,
        },
    ),
}  # fmt: skip
_X32: Final = 0x40000000
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE3: Final = 435
_THREAD: Final = 0x00010000
"""CLONE_THREAD: what a runtime starts within its own process."""

_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1  # EPERM
_UNKNOWN: Final = 0x00050000 | 38  # ENOSYS: whoever asks falls back to clone, whose flags can be seen
_KILL: Final = 0x80000000

_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def confine(memory: int) -> bool:
    """Sets the limits (`memory`: bytes of address space), then the filter. True if the kernel took the filter."""
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(limit, most)
    return _filter()


def become(program: str, arguments: Sequence[str], *, memory: int, seconds: int, readable: Sequence[str]) -> None:
    """Turns this process into a renderer that can compute, read and print, and nothing else. Never returns.

    No network, no other process, no file written; `memory` in bytes of address space, `seconds` of computing. Where the kernel
    knows Landlock it opens nothing but `program` and what is below `readable`. Ends with NO_FILTER where there is no filter.
    """
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(limit, most)
    # Go pays no heed to the first signal; the second cannot be ignored
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    from auditor.desired import landlock

    landlock.only(read=readable, run=program)
    if not _filter(renderer=True):
        os._exit(NO_FILTER)
    # no shell: the program is a setting or was found on PATH, the arguments are ours
    os.execve(program, [program, *arguments], {"HOME": "/nonexistent", "LC_ALL": "C", "GOMAXPROCS": "2"})  # noqa: S606


def begin_file(seconds: int) -> None:
    """Gives the next file so many seconds of computing; a process that needs more is ended by the kernel."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _lower(limit: int, most: int) -> None:
    hard = resource.getrlimit(limit)[1]
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(limit, (value, value))
    except (OSError, ValueError):  # a system without this limit (RLIMIT_AS elsewhere than on Linux)
        return


def _filter(*, renderer: bool = False) -> bool:
    machine = os.uname().machine
    known = _REFUSED.get(machine)
    if known is None or os.uname().sysname != "Linux":
        return False
    import ctypes

    program = _program(*known, clone=_CLONE[machine] if renderer else None)
    text = ctypes.create_string_buffer(program)
    # struct sock_fprog: a count, padding, a pointer
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(text)))
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return False
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(header), 0, 0) == 0)


def _program(architecture: int, openat: int, refused: dict[str, int], clone: int | None = None) -> bytes:
    """The filter: another architecture's calls end the process; x32's, the refused ones and opening a file to write give
    EPERM; the rest is allowed. With `clone`, the number of that call, programs may be begun, but no second process: a renderer
    is begun once, and its runtime starts threads. A step is (operation, steps to skip if so, steps to skip if not, operand)."""
    numbers = sorted(number for name, number in refused.items() if clone is None or name not in ("execve", "execveat"))
    alone = (
        []
        if clone is None
        else [
            (_EQUAL, 0, 1, _CLONE3),
            (_RETURN, 0, 0, _UNKNOWN),
            (_EQUAL, 0, 2, clone),
            (_LOAD, 0, 0, 16),  # its flags, the first argument
            (_ANY_BIT, 3, 4, _THREAD),
        ]
    )
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_ABOVE, len(numbers) + len(alone) + 4, 0, _X32),
        *((_EQUAL, len(numbers) + len(alone) - index + 3, 0, number) for index, number in enumerate(numbers)),
        *alone,
        (_EQUAL, 0, 2, openat),
        (_LOAD, 0, 0, 32),  # its flags, the third argument
        (_ANY_BIT, 1, 0, _WRITING),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
