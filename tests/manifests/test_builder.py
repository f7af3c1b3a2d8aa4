"""The builder survives what is hostile, and tells what is wrong."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests.budget import DEEPEST, MOST_ALIASES, Budget
from auditor.manifests.builder import build
from auditor.manifests.mistakes import Refused


def refused(text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        build(text.encode(), Budget(), wary=True)
    return caught.value


def value(text: str) -> Any:
    return build(text.encode(), Budget()).value


BOMBS = {
    "brackets": "[" * 100_000,
    "braces": "{a: " * 50_000,
    "dashes": "- " * 50_000,
    "indents": "\n".join(" " * n + "a:" for n in range(400)),
    "laughs": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "merges": "a: &a {k: 1}\n"
    + "\n".join(
        f"{b}: &{b}\n  <<: [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
    ),
    "a ladder of aliases": "a0: &a0 [1]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}]" for n in range(200)),
    "itself": "a: &a [*a]",
    "itself by merge": "a: &a {<<: *a}",
    "itself as a key": "a: &a {*a : 1}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(name: str) -> None:
    assert refused(BOMBS[name]).mistake.code in ("SRC203", "SRC204", "SRC205", "MAN001")


def test_the_line_of_a_bomb_is_where_it_went_off() -> None:
    assert refused(BOMBS["laughs"]).mistake.line == 3


def test_levels_are_counted_with_aliases_unfolded() -> None:
    half = DEEPEST // 2
    deep = f"a: &a {'[' * half}{']' * half}\nb: "
    assert refused(deep + "[" * half + "*a" + "]" * half).mistake.code == "SRC203"
    assert value(deep + "[" * (half - 1) + "*a" + "]" * (half - 1))["b"]


def test_aliases_are_counted_for_the_whole_file() -> None:
    budget = Budget()
    text = f"x: [{'1, ' * 2000}]\na: &a 1\nb: [{'*a, ' * (MOST_ALIASES // 5)}]".encode()
    for _ in range(5):
        build(text, budget)
    with pytest.raises(Refused, match="aliases"):
        build(text, budget)


def test_values_are_counted_for_the_whole_file() -> None:
    budget = Budget(nodes=1000)
    build(b"[" + b"1, " * 600 + b"]", budget)
    with pytest.raises(Refused, match="values"):
        build(b"[" + b"1, " * 600 + b"]", budget)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: .inf", 0, 3),
        ("a: [1, .nan]", 0, 7),
        ("a:\n  ? [x]\n  : 1", 1, 4),
        ("a:\n  {x: 1}: 2", 1, 2),
        ("~: 1", 0, 0),
        ("a: 1\n: 2", 1, 0),
        ("99999999999999999999: 1\n18446744073709551615: 2", 1, 0),
        ("a: *nope", 0, 3),
        ("a: &a [1]\n*a : 2", 1, 0),
        ("a: !!int x", 0, 3),
        ("a: 1\n<<: 2", 1, 4),
        ("a: &a [1]\n<<: *a", 1, 4),
        ("<<: [{a: 1}, 2]", 0, 14),
        ('a: "x\\0y"', 0, 3),
        ('"\\x00": 1', 0, 0),
        ("a: !!binary AAAA", 0, 3),
        ("a: [x?y]", 0, 4),
        ("a: {b: :c}", 0, 7),
    ],
)
def test_what_json_cannot_hold_is_refused_at_its_place(text: str, line: int, column: int) -> None:
    mistake = refused(text).mistake
    assert (mistake.line, mistake.column) == (line, column)


def test_no_message_quotes_the_document() -> None:
    for text in (
        "a: *hunter2",
        "a: !!int hunter2",
        "a: !hunter2!x y",
        "a: 'hunter2",
        "a: hunter2: b",
        "a: @hunter2",
        'a: "\\hunter2"',
    ):
        assert "hunter2" not in str(refused(text).mistake)


def test_duplicates_are_noticed_and_the_last_counts() -> None:
    text = b"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n1: x\n'1': z\n"
    built = build(text, Budget())
    assert built.duplicates
    assert built.value == {"a": 2, "b": {"c": 3, "d": 2}, "1": "z"}
    mistakes = build(text, Budget(), places=True).mistakes
    assert [(m.code, m.line, m.column, m.earlier and m.earlier[0]) for m in mistakes] == [
        ("MAN002", 4, 2, 2),
        ("MAN002", 5, 0, 0),
        ("MAN002", 7, 0, 6),
    ]


def test_a_key_that_a_merge_brought_may_be_written() -> None:
    assert not build(b"a: &a {k: 1}\nb:\n  <<: *a\n  k: 2\n", Budget()).duplicates
    assert build(b"a: &a {k: 1}\nb:\n  <<: *a\n  k: 2\n  k: 3\n", Budget()).duplicates
    assert build(b"a: &a {k: 1}\nb:\n  k: 2\n  <<: *a\n  k: 3\n", Budget()).duplicates


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("b: &b {k: 1}\nv: {k: 9, <<: *b}", {"k": 1}),
        ("b: &b {k: 1}\nv: {<<: *b, k: 9}", {"k": 9}),
        ("b: &b {k: 1}\nc: &c {k: 2, z: 3}\nv: {<<: [*b, *c]}", {"k": 1, "z": 3}),
        ("v: {<<: {k: 1}, m: 2}", {"k": 1, "m": 2}),
        ("v: {'<<': 1}", {"<<": 1}),
        ("a: &x 1\nb: &x 2\nv: *x", 2),
        ("a: &x [&x 5]\nv: *x", 5),
        ("a: &k name\nv: {*k : 1}", {"name": 1}),
        ("v: ! 5", "5"),
        ("v: !foo bar", "bar"),
        ("v: !!str {a: 1}", {"a": 1}),
        ("v: <<", "<<"),
    ],
)
def test_anchors_merges_and_tags_are_gos(text: str, want: Any) -> None:
    assert value(text)["v"] == want


def test_what_follows_the_document_is_told() -> None:
    for text in ("a: 1\n...\nb: 2\n", "{a: 1} b", "a: 1\n...\n@"):
        built = build(text.encode(), Budget())
        assert built.value == {"a": 1}
        assert [mistake.code for mistake in built.mistakes] == ["MAN001"]
    assert build(b"a: 1\n...\n# fine\n", Budget()).mistakes == []


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"), max_size=20
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


def quoting(data: Any, stream: io.StringIO, flow: bool, width: int) -> None:
    yaml.dump(data, stream, default_style='"', default_flow_style=flow, width=width, allow_unicode=True)


@given(st.dictionaries(_TEXT, _JSON, max_size=4), st.booleans(), st.sampled_from([10, 80]))
def test_texts_in_quotes_come_back_as_they_were(data: dict[str, Any], flow: bool, width: int) -> None:
    texts = _as_text(data)
    stream = io.StringIO()
    quoting(texts, stream, flow, width)
    assert build(stream.getvalue().encode(), Budget()).value == texts


def _as_text(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _as_text(each) for key, each in data.items()}
    return [_as_text(each) for each in data] if isinstance(data, list) else str(data)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    with contextlib.suppress(Refused):
        build(data, Budget(), places=True, wary=True)


def test_a_merge_takes_an_alias_of_a_map_and_of_no_list() -> None:
    text = b"base: &b {x: 1}\nboth: &l [{x: 1}]\n%s\n"
    for read in (b"m: {<<: *b}", b"m: {<<: [*b]}"):
        assert build(text % read, Budget()).value["m"] == {"x": 1}
    with pytest.raises(Refused):
        build(text % b"m: {<<: *l}", Budget())


@pytest.mark.parametrize("text", ['[! ":"]', "[! ':a']", '[! "a?"]', '{a: ! ":"}'])
def test_an_indicator_in_quotes_is_text_within_braces_though_it_has_a_tag(text: str) -> None:
    value = build(f"a: {text}\n".encode(), Budget()).value
    (read,) = value["a"] if isinstance(value["a"], list) else value["a"].values()
    assert read in (":", ":a", "a?")


@pytest.mark.parametrize("text", ["[:a]", "[!local a?]", "{a: !local http://x/y?z=1}", "[a?b]"])
def test_an_indicator_in_plain_text_within_braces_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        build(f"a: {text}\n".encode(), Budget())
