"""Where each field of an object that a chart rendered is written: what helm printed and the chart's files in, places out.

helm says which template each document came from. Lines of the two are matched in order by the key they begin with; a line of a
template that is one reference to a value leads on to the values file that gives it, where that says what was rendered. What cannot be
told leads to the nearest line above it that can.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.desired.provenance import At, walked
from auditor.manifests.budget import Budget
from auditor.manifests.documents import decoded, documents, pieces
from auditor.manifests.places import Places, Written
from auditor.model import RawPath, Resource

_SOURCE: Final = re.compile(rb"^# Source: (.+?)\s*$", re.MULTILINE)
_KEY: Final = re.compile(r"^\s*(?:- )*\s*(?P<key>[\w./-]+|\"[^\"]*\"|'[^']*')\s*:")
_VALUE: Final = re.compile(r"\{\{-?\s*\.Values\.([\w.]+)[^{}]*\}\}")
MOST_LINES: Final = 3000
"""Of a template, or of what it rendered to, beyond which lines are not matched."""


@dataclass(frozen=True, slots=True)
class Chart:
    """`rendered`: first line and template of each piece that helm printed, in order; `values`: values files, the strongest first."""

    rendered: Sequence[tuple[int, str, Sequence[str]]] = field(repr=False)
    templates: Mapping[str, Sequence[str]] = field(repr=False)
    values: Sequence[tuple[str, Any, Places]] = field(repr=False)
    file: str
    matched: dict[int, Mapping[int, int]] = field(default_factory=dict, repr=False)


def chart(text: bytes, files: Mapping[str, bytes], folder: str, chain: Sequence[str]) -> Chart:
    """`folder`: the chart's, in the tree; `chain`: the values files of the settings, later ones stronger."""
    rendered = []
    for first, piece, _ in pieces(decoded(text)):
        said = _SOURCE.search(piece)
        name = said[1].decode("utf-8", "replace") if said else ""
        inside = name.partition("/")[2]
        rendered.append((first, posixpath.join(folder, inside) if inside else "", _lines(piece)))
    used = {name for _, name, _ in rendered}
    templates = {name: _lines(files[name]) for name in used if name in files}
    values = [
        (name, document.value, Places(Written(document.text, document.first)))
        for name in (*reversed(chain), posixpath.join(folder, "values.yaml"))
        for document in documents(files.get(name, b""), Budget())
    ]
    return Chart(rendered, templates, values, posixpath.join(folder, "Chart.yaml"))


def places(resource: Resource, of: Chart) -> Iterator[tuple[RawPath, At]]:
    """The place of every path of an object that can be told."""
    start = resource.origin.line if resource.origin else 1
    index = max((i for i, (first, _, _) in enumerate(of.rendered) if first <= start), default=None)
    if index is None or resource.locate is None:
        return
    first, name, lines = of.rendered[index]
    template = of.templates.get(name)
    if template is None:
        # of a packed chart, or not said: as near as can be told
        yield (), (name if name in of.templates else of.file, 1, 1)
        return
    matched = of.matched.get(index)
    if matched is None:
        matched = of.matched[index] = _matched(lines, template)
    yield (), (name, _first(template), 1)
    for path, value in walked(resource.body, ()):
        at = resource.locate(path) if path else None
        line = matched.get(at[0] - first) if at else None
        if line is not None:
            yield path, _of_values(template[line], value, of) or (name, line + 1, _column(template[line]))


def _lines(text: bytes) -> Sequence[str]:
    return text.decode("utf-8", "replace").splitlines()


def _first(template: Sequence[str]) -> int:
    """The line that an object begins on."""
    return next((n + 1 for n, line in enumerate(template) if line.startswith(("apiVersion", "kind"))), 1)


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(" -")) + 1


def _matched(lines: Sequence[str], template: Sequence[str]) -> Mapping[int, int]:
    """Lines of the template, from 0, by lines of what was rendered."""
    if max(len(lines), len(template)) > MOST_LINES:
        return {}
    ours, theirs = [_word(line) for line in lines], [_word(line) for line in template]
    found: dict[int, int] = {}
    for block in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            if ours[block.a + offset]:
                found[block.a + offset] = block.b + offset
    return found


def _word(line: str) -> str:
    """What a line is matched by: its key with how deep it stands, or, without one, all of it."""
    key = _KEY.match(line)
    if key:
        return f"{len(line) - len(line.lstrip())}:{key['key']}"
    text = line.strip()
    return "" if not text or text.startswith(("#", "{{")) else text


def _of_values(line: str, value: Any, of: Chart) -> At | None:
    """The line of a values file that gives this value; of several references none can be singled out."""
    named = _VALUE.findall(line)
    if not named or isinstance(value, Mapping | list):
        return None
    for reference in named if len(named) == 1 else reversed(named):
        path = tuple(reference.split("."))
        for name, values, located in of.values:
            said = _at(values, path)
            if said is not None and (
                said == value or str(said) == str(value) or (len(named) > 1 and str(said) in str(value))
            ):
                line_column = located(path)
                if line_column:
                    return name, *line_column
            if said is not None:
                break
    return None


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(values, dict):
            return None
        values = values.get(step)
    return values
