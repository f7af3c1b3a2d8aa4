"""The text of a settings file: bytes in, its map and the place of every setting out."""

from __future__ import annotations

from typing import Any

from auditor.manifests.documents import documents
from auditor.manifests.places import Places, Written
from auditor.model import Locate, Misuse


def load_mapping(text: bytes, file: str) -> tuple[dict[str, Any], Locate]:
    """The map that a YAML or JSON text holds, and where each of its keys is written. An empty text is an empty map.

    Raises Misuse, with file and line, where it is no YAML, has a key twice, holds several documents or is no map.
    """
    found = list(documents(text))
    mistakes = [mistake for document in found for mistake in document.mistakes]
    if mistakes:
        said = [f"{file}:{mistake.line}: {mistake.message}" for mistake in mistakes]
        raise Misuse("\n".join(said), remedy=mistakes[0].remedy)
    if not found:
        return {}, _nowhere
    if len(found) > 1:
        raise Misuse(
            f"{file}:{found[1].line}: a second document begins here", remedy="keep all settings in one document"
        )
    document = found[0]
    if document.value is None:
        return {}, _nowhere
    if not isinstance(document.value, dict):
        raise Misuse(f"{file}:{document.line}: settings are a map of names and values", remedy="write name: value")
    return document.value, Places(Written(document.text, document.first))


def _nowhere(path: tuple[str | int, ...]) -> None:
    return None
