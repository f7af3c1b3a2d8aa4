"""Where the fields of a document are written: computed when first asked, from the text of that document alone."""

from __future__ import annotations

from auditor.manifests.budget import Budget
from auditor.manifests.builder import build
from auditor.manifests.mistakes import Counted, Refused, counter
from auditor.manifests.spots import KeySpot, Spot
from auditor.model import RawPath


class Written:
    """The text of one document and, once asked for, the places in it. Several objects of a List share one."""

    __slots__ = ("_built", "_counted", "_spot", "_text", "first")

    def __init__(self, text: bytes, first: int) -> None:
        self._text: bytes | None = text
        self.first = first
        self._spot: Spot | None = None
        self._built = False
        self._counted: Counted | None = None

    @property
    def text(self) -> bytes | None:
        """The text of the document; None once forgotten."""
        return self._text

    @property
    def spot(self) -> Spot | None:
        if not self._built and self._text is not None:
            try:
                self._spot = build(self._text, Budget(), places=True).spot
            except Refused:  # JSON that is no YAML; the object is known by its first line
                self._spot = None
            self._built = True
        return self._spot

    def forget_text(self) -> None:
        """Compute the places now and drop the text: for documents that hold secrets."""
        if self._text is not None:
            _ = self.spot
            self._count()
            self._text = None

    def at(self, line: int, column: int, index: int) -> tuple[int, int]:
        """Line and column in the file, from 1, of a place that the builder told."""
        line, column = self._count()(line, column, index)
        return self.first + line, column + 1

    def _count(self) -> Counted:
        if self._counted is None:
            self._counted = counter(self._text or b"")
        return self._counted

    def slice(self, start: int, end: int) -> str | None:
        return None if self._text is None else self._text.decode("utf-8")[start:end]


class Places:
    """Calling it with a path gives line and column, both from 1: of the key for an entry of a map, of the element for an element
    of a list, and of the nearest parent that is written for what is absent. None where nothing can be told."""

    __slots__ = ("_prefix", "_written")

    def __init__(self, written: Written, prefix: RawPath = ()) -> None:
        self._written, self._prefix = written, prefix

    def __call__(self, path: RawPath) -> tuple[int, int] | None:
        found, _ = self._find(path)
        return None if found is None else self._written.at(found.line, found.column, found.start)

    def value(self, path: RawPath) -> tuple[int, int] | None:
        """Line and column of a value itself, None where the path is not written."""
        found, whole = self._find(path)
        if found is None or not whole:
            return None
        spot = found.value if isinstance(found, KeySpot) else found
        return self._written.at(spot.line, spot.column, spot.start)

    def scalar_text(self, path: RawPath) -> str | None:
        """The source text of a scalar, with its quotes; None for maps, lists, what is absent, and all of a Secret's document."""
        found, whole = self._find(path)
        if found is None or not whole:
            return None
        spot = found.value if isinstance(found, KeySpot) else found
        return None if spot.inside is not None else self._written.slice(spot.start, spot.end)

    def written(self, path: RawPath) -> bool:
        """Whether the path itself is written."""
        found, whole = self._find(path)
        return whole and found is not None

    @property
    def piece(self) -> tuple[bytes | None, int, RawPath]:
        """What places are computed from: the document's text (None once forgotten), the file's line it begins on, and the path
        from its top to the object."""
        return self._written.text, self._written.first, self._prefix

    def _find(self, path: RawPath) -> tuple[Spot | KeySpot | None, bool]:
        root = self._written.spot
        if root is None:
            return None, False
        found: Spot | KeySpot = root
        spot = root
        for step in (*self._prefix, *path):
            if isinstance(spot.inside, dict) and isinstance(step, str) and step in spot.inside:
                entry = spot.inside[step]
                found, spot = entry, entry.value
            elif (
                isinstance(spot.inside, list) and isinstance(step, int) and -len(spot.inside) <= step < len(spot.inside)
            ):
                found = spot = spot.inside[step]
            else:
                return found, False
        return found, True
