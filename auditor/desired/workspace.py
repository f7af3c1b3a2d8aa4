"""Files of a tree on disk, for a renderer that only knows files: a private folder, gone at the end of the block.

In: names and texts, and links that stay within the tree. Nothing is written but regular files and such links; names were checked
by whoever listed the tree, and are checked again here. Raises `Unavailable` where there is no room.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from auditor.model import Unavailable

_PREFIX: Final = "auditor-render-"
_OLD: Final = 3600


@contextlib.contextmanager
def written(files: Mapping[str, bytes], links: Mapping[str, str]) -> Iterator[str]:
    """The folder that holds these files, by their names, and these links, by what they say."""
    try:
        _sweep()
        top = tempfile.mkdtemp(prefix=_PREFIX)
    except OSError as error:
        raise _no_room(error) from error
    try:
        try:
            for name, text in files.items():
                place = _place(top, name)
                with open(place, "xb") as stream:
                    stream.write(text)
            for name, target in links.items():
                os.symlink(_stays(name, target), _place(top, name))
        except OSError as error:
            raise _no_room(error) from error
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _place(top: str, name: str) -> str:
    """Where a file goes, with its folder made. ValueError for a name that could lead elsewhere."""
    steps = name.split("/")
    if any(step in ("", ".", "..") or "\0" in step for step in steps):
        raise ValueError("the name is no path of a tree")
    place = os.path.join(top, *steps)
    os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
    return place


def _stays(name: str, target: str) -> str:
    """What a link says. ValueError where it leads out of the tree by itself."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if target.startswith("/") or path == ".." or path.startswith("../") or "\0" in target:
        raise ValueError("the link leads out of the tree")
    return target


def _sweep() -> None:
    """Removes what a run left that was killed more than an hour ago."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = left.lstat()
            if status.st_uid == os.geteuid() and status.st_mtime < time.time() - _OLD:
                shutil.rmtree(left, ignore_errors=True)


def _no_room(error: OSError) -> Unavailable:
    return Unavailable(
        "git",
        f"nothing can be written for a renderer: {(error.strerror or 'error').lower()}",
        remedy="give TMPDIR a folder with room",
        reason="other",
    )
