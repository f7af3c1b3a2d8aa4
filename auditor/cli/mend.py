"""Mends on the command line: the patch of `check --diff` printed, or written into the files that were named by `check --write`."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Sequence

from auditor.cli import options
from auditor.model import Misuse, Place
from auditor.publish.patch import Patch, unified


def text_of(file: str) -> bytes | None:
    """A regular file's bytes; None for a link, a pipe, standard input and what cannot be read."""
    try:
        if not stat.S_ISREG(os.lstat(file).st_mode):
            return None
        with open(file, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def show(patches: Sequence[Patch], named: Callable[[Place], str]) -> None:
    """The patch on stdout, and nothing else."""
    text, hidden = unified(patches, lambda file: named(Place("", file, 1)))
    options.write_as_is(text.encode())
    if hidden:
        print(
            f"auditor: {hidden} more can be mended; what may be a credential is not shown. --write mends",
            file=sys.stderr,
        )


def write(patches: Sequence[Patch]) -> None:
    """Writes each file in one step, with the mode it had, and says so on stderr. Raises `Misuse` where one cannot be written."""
    for patch in patches:
        if text_of(patch.file) != patch.before.encode():
            raise Misuse(f"{patch.file} was changed meanwhile; it is left as it is", remedy="run it again")
        try:
            handle, name = tempfile.mkstemp(dir=os.path.dirname(patch.file) or ".", prefix=".auditor-")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(patch.after.encode())
                os.chmod(name, stat.S_IMODE(os.stat(patch.file).st_mode))
                os.replace(name, patch.file)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            said = (error.strerror or "error").lower()
            raise Misuse(f"{patch.file} cannot be written: {said}", remedy="let the auditor write it") from None
        print(f"mended {patch.file}: {len(patch.items)}", file=sys.stderr)
