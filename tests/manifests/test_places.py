"""Every field is found where it is written."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests import Places
from auditor.manifests.documents import documents
from auditor.manifests.places import Written

TEXT = b"""\
# a remark
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {"a.b/c": x}}
spec:
  containers:
  - name: one
    image: "nginx:1.27"
    env:
      - name: A
        value: |
          long
  - &two
    name: two
  - *two
  base: &base
    k: 1
  over:
    <<: *base
    j: 0x1F  # hexadecimal
"""


def places(text: bytes, number: int = 0) -> Places:
    document = list(documents(text))[number]
    return Places(Written(document.text, document.first))


def test_an_absent_field_is_where_its_nearest_parent_is() -> None:
    at = places(TEXT)
    assert at(("spec", "containers", 0, "resources", "limits")) == (7, 5)
    assert at(("spec", "initContainers", 0)) == (5, 1)
    assert at(("status",)) == (2, 1)
    assert at(("spec", "containers", 9)) == (6, 3)
    assert not at.written(("status",))
    assert at.value(("status",)) is None


def test_json_that_is_no_yaml_has_no_places_and_does_no_harm() -> None:
    at = places(b'{"kind": "Pod", "a": "\\ud83d\\ude00"}')
    assert at(("kind",)) is None
    assert at.scalar_text(("kind",)) is None


def test_keys_elements_and_values() -> None:
    at = places(TEXT)
    assert at(()) == (2, 1)
    assert at(("metadata", "labels", "a.b/c")) == (4, 32)
    assert at(("spec", "containers", 0, "image")) == (8, 5)
    assert at.value(("spec", "containers", 0, "image")) == (8, 12)
    assert at.scalar_text(("spec", "containers", 0, "image")) == '"nginx:1.27"'
    assert at(("spec", "containers", 0, "env", 0, "value")) == (11, 9)
    assert at.scalar_text(("spec", "containers", 0, "env")) is None
    assert at.scalar_text(("spec", "over", "j")) == "0x1F"


def test_what_an_alias_brings_is_where_its_anchor_is() -> None:
    at = places(TEXT)
    assert at(("spec", "containers", 2, "name")) == (14, 5)
    assert at(("spec", "over", "k")) == (17, 5)


def test_lines_are_those_of_the_file_and_of_an_editor() -> None:
    text = 'a: 1\n---\na: "x\u2028y\x85z"\nb: é\r\nc: 2\n'.encode()
    at = places(text, 1)
    assert (at(("b",)), at(("c",))) == ((4, 1), (5, 1))


def test_places_outlive_the_text() -> None:
    document = next(documents('x: "\u2028"\nb:\n  z: 1\n'.encode()))
    written = Written(document.text, document.first)
    written.forget_text()
    at = Places(written)
    assert at(("b", "z")) == (3, 3)
    assert at.scalar_text(("y", "z")) is None
    assert not any(isinstance(getattr(written, name), bytes) for name in written.__slots__)


_KEYS = st.text("abcdefgh-./ :#'\"éü", min_size=1, max_size=12).map(lambda text: "K" + text)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text("qwz \n#:-", max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


def paths(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, each in entries:
        yield (*path, step)
        yield from paths(each, (*path, step))


@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4), st.sampled_from([None, True, False]), st.integers(2, 6))
def test_the_line_of_every_path_holds_its_key(data: dict[str, Any], flow: bool | None, indent: int) -> None:
    stream = io.StringIO()
    yaml.safe_dump(
        data, stream, default_flow_style=flow, indent=indent, allow_unicode=True, width=1000, sort_keys=False
    )
    text = stream.getvalue()
    lines = text.split("\n")
    at = places(text.encode())
    for path in paths(data):
        found = at(path)
        assert found
        assert at.written(path)
        line, column = found
        if isinstance(path[-1], str):
            written = lines[line - 1][column - 1 :].lstrip("? '\"")
            plain = re.match(r"\w+", path[-1], re.ASCII)
            assert plain
            assert written.startswith(plain[0])


@given(st.lists(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_documents_together_are_read_as_each_alone(bodies: list[dict[str, Any]]) -> None:
    texts = [yaml.safe_dump(body, allow_unicode=True) for body in bodies]
    together = list(documents("---\n".join(texts).encode()))
    alone = [next(documents(text.encode())) for text in texts]
    assert [document.value for document in together] == [document.value for document in alone] == bodies
    first = 1
    for text, document in zip(texts, together, strict=True):
        assert document.line == first
        first += text.count("\n") + 1
