"""Settings files are read with the place of every key, and refused with the line of what is wrong."""

from __future__ import annotations

import pytest

from auditor.manifests import load_mapping
from auditor.model import Misuse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: [1\n", "s.yaml:1: the bracket"),
        (b"a: 1\nb: 'x\n", "s.yaml:2: the quote"),
        (b"a: 1\n\tb: 2\n", "s.yaml:2: a tab"),
        (b"a: 1\nb: 2\na: 3\n", "s.yaml:3: key 'a' is written twice"),
        (b"a: 1\n---\nb: 2\n", "s.yaml:3: a second document"),
        (b"\n- a\n", "s.yaml:2: settings are a map"),
        (b"hello\n", "s.yaml:1: settings are a map"),
        (b"a: \x07\n", "s.yaml:1: control characters"),
    ],
)
def test_bad_settings_are_refused_with_their_line(text: bytes, said: str) -> None:
    with pytest.raises(Misuse) as caught:
        load_mapping(text, "s.yaml")
    assert caught.value.message.startswith(said)
    assert caught.value.remedy


@pytest.mark.parametrize("text", [b"", b"\n", b"# nothing\n", b"---\n", b"null\n"])
def test_empty_settings_are_an_empty_map(text: bytes) -> None:
    data, locate = load_mapping(text, "s.yaml")
    assert data == {}
    assert locate(("a",)) is None


def test_settings_have_places() -> None:
    data, locate = load_mapping(b"store:\n  url: sqlite:///x\nsources:\n- kind: folder\n  path: dir\n", "s.yaml")
    assert data["sources"][0]["path"] == "dir"
    assert locate(("sources", 0, "path")) == (5, 3)
    assert locate(("store", "ur")) == (1, 1)
