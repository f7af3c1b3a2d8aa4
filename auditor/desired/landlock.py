"""A process that opens nothing but what it was told, as the kernel sees to it: Landlock, without any privilege.

In: folders that may be read, one program that may be run. Out: whether the kernel does it (5.13 and newer, where it is on).
Source: the kernel's Documentation/userspace-api/landlock.rst, and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Any, Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The same numbers on every architecture."""
_ASK_VERSION: Final = 1
_BENEATH: Final = 1
_NO_NEW_PRIVILEGES: Final = 38

_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
"""What a program that is not linked statically needs in order to begin; there is nothing to learn from them."""
_RIGHTS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14))
"""What versions of the interface know to forbid."""


def only(*, read: Sequence[str], run: str) -> bool:
    """From here on this process, and what it becomes, reads only below `read`, and runs only `run`."""
    import ctypes

    try:
        libc = ctypes.CDLL(None, use_errno=True)
        call: Any = libc.syscall
    except (OSError, AttributeError):
        return False
    version = call(_CREATE, None, 0, _ASK_VERSION)
    if version < 1:
        return False
    handled = 0
    for since, rights in _RIGHTS:
        if version >= since:
            handled |= rights
    rules = call(_CREATE, struct.pack("Q", handled), 8, 0)
    if rules < 0:
        return False
    try:
        for path in read:
            _allow(call, rules, path, _READ_FILE | _READ_FOLDER)
        for path in (run, *_LIBRARIES):
            _allow(call, rules, path, _READ_FILE | _EXECUTE)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(call(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(call: Any, rules: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no permission
    try:
        call(_ADD, rules, _BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)
