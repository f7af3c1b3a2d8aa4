"""Files are cut, decoded and limited as kubectl does it, and one bad document does not lose the others."""

from __future__ import annotations

import codecs
import gc
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests.documents import LARGEST, documents, uncollected


def values(data: bytes) -> list[Any]:
    return [document.value for document in documents(data) if document.readable]


def mistakes(data: bytes) -> list[tuple[str, int]]:
    return [(mistake.code, mistake.line) for document in documents(data) for mistake in document.mistakes]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a: 1\n---\nb: [\n---\nc: 3\n", [("MAN001", 3)]),
        (b"a: 1\n---\nb: 'x\n---\nc: 3\n", [("MAN001", 3)]),
        (b"a: 1\n--- x\nb: 2\n---\nc: 3\n", [("MAN001", 2)]),
        (b"a: 1\n--- {b: 2}\n---\nc: 3\n", [("MAN001", 2)]),
        (b"a: 1\n---\n\tb: 2\n---\nc: 3\n", [("MAN003", 3)]),
        (b"a: 1\n---\nb: 2\xef\xbb\xbf\n\xef\xbb\xbfb: 2\n---\nc: 3\n", [("MAN001", 4)]),
        (b"a: 1\n---\nb: x\x00y\n---\nc: 3\n", [("MAN001", 3)]),
        (b"a: 1\n---\nb:\n  x: \x07\n---\nc: 3\n", [("MAN001", 4)]),
        (b'a: 1\n---\n{"b": "\\u0000"}\n---\nc: 3\n', [("MAN001", 3)]),
        (b"a: 1\n---\nb: " + b"[" * 100_000 + b"\n---\nc: 3\n", [("SRC203", 3)]),
        (b"a: 1\n---\n%YAML 1.1\n---\nc: 3\n", [("MAN001", 4)]),
        (b"a: 1\n---\nb: 1\nkey\nd: 2\n---\nc: 3\n", [("MAN001", 4)]),
    ],
)
def test_a_bad_document_does_not_lose_its_neighbours(data: bytes, found: list[tuple[str, int]]) -> None:
    assert values(data) == [{"a": 1}, {"c": 3}]
    assert mistakes(data) == found


def test_large_files_and_many_documents_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.manifests.documents.MOST_DOCUMENTS", 10_000)
    assert mistakes(b"a: 1\n" * (LARGEST // 5 + 1)) == [("SRC201", 1)]
    many = list(documents(b"a: 1\n---\n" * 10_100))
    assert (len(many), many[-1].mistakes[0].code, many[-1].line) == (10_001, "SRC202", 20_001)
    assert [document.readable for document in documents(b"x" * (LARGEST + 1), largest=LARGEST * 2)] == [True]


@pytest.mark.parametrize(
    "data",
    [b"{" * 500_000, b'{"a":' * 100_000, b"[" * 500_000, b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"],
)
def test_deep_json_is_refused_too(data: bytes) -> None:
    assert [code for code, _ in mistakes(data)] == ["SRC203"]


def test_duplicates_name_both_lines() -> None:
    text = b"---\na: 1\n---\nx: 1\ny: 2\nx: 3\n---\n" + b'{"k": 1,\n "k": 2}\n---\n{"k": "\\ud83d\\ude00", "k": 2}\n'
    assert mistakes(text) == [("MAN002", 6), ("MAN002", 9), ("MAN002", 11)]
    (first, *_) = [mistake for document in documents(text) for mistake in document.mistakes]
    assert "the first is on line 4" in first.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"---\n",
        b"---\n---\n",
        b"# nothing\n",
        b"\n---\n# nothing\n---\n\n",
        b"---\n...\n",
        codecs.BOM_UTF8,
        b"null\n",
        b"~",
    ],
)
def test_nothing_is_nothing(data: bytes) -> None:
    assert [value for value in values(data) if value is not None] == []
    assert mistakes(data) == []


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + b"a: 1\n---\nb: \xc3\xa9\n",
        codecs.BOM_UTF16_LE + "a: 1\n---\nb: é\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "a: 1\n---\nb: é\n".encode("utf-16-be"),
        b"a: 1\r\n---\r\nb: \xc3\xa9\r\n",
        b"a: 1\n--- # a remark\nb: \xc3\xa9",
        b"---\n---\na: 1\n---   \n---\t\nb: \xc3\xa9\n---",
        b'{"a": 1}\n{"b": "\xc3\xa9"}',
        b'{"a": 1}{"b": "\\u00e9"}\n',
        b'{"a": 1}\n---\n{b: \xc3\xa9}\n',
        b"a: 1\n---\n" + codecs.BOM_UTF8 + b"b: \xc3\xa9\n",
    ],
)
def test_encodings_line_ends_and_separators(data: bytes) -> None:
    assert values(data) == [{"a": 1}, {"b": "é"}]
    assert mistakes(data) == []


def test_a_separator_is_one_behind_a_byte_order_mark_too() -> None:
    assert mistakes(codecs.BOM_UTF8 + b"--- {a: 1}\n") == [("MAN001", 1)]


def test_the_last_line_has_a_break_as_kubectl_gives_it_one() -> None:
    assert values(b"a: |\n  x") == [{"a": "x\n"}]


def test_what_is_no_utf8_becomes_a_replacement() -> None:
    assert values(b"a: x\xffy\xc3\n") == [{"a": "x\ufffdy\ufffd"}]


def test_json_has_jsons_rules() -> None:
    text = b'{"y": 1.0, "big": 12345678901234567890123, "a\\/b": "\\ud83d\\ude00", "lone": "\\ud800", "e": 1e3, "t": "x\\ty"}'
    assert values(text) == [
        {"y": 1, "big": 12345678901234567890123.0, "a/b": "😀", "lone": "\ufffd", "e": 1000, "t": "x\ty"}
    ]
    assert type(values(text)[0]["y"]) is int
    assert values(b'{"a": NaN}') == [{"a": "NaN"}]  # no JSON, so it is read as YAML
    assert values(b"{a: yes}") == [{"a": True}]


def test_duplicates_of_a_secret_are_not_named() -> None:
    text = b"kind: Secret\nstringData:\n  C4NARY: 1\n  C4NARY: 2\n"
    assert mistakes(text) == [("MAN002", 4)]
    assert b"C4NARY" not in repr([document.mistakes for document in documents(text)]).encode()


def test_a_stream_of_json_has_an_end() -> None:
    assert [code for code, _ in mistakes(b"{}" * 110_000)] == ["SRC202"]


def test_lines_of_a_stream_of_json() -> None:
    assert [document.line for document in documents(b'\n{"a":\n1}\n\n{"b": 2}')] == [2, 5]


@given(
    st.recursive(
        st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
    )
)
def test_json_comes_back(data: Any) -> None:
    text = json.dumps({"a": data})
    if "\\u0000" not in text:
        back = values(text.encode())
        assert json.dumps(back[0]) == json.dumps({"a": data}) or "e+" in json.dumps(back[0])


@given(st.binary(max_size=300))
def test_no_file_breaks_it(data: bytes) -> None:
    for document in documents(data):
        assert document.first >= 1
        assert document.line >= 1
        assert all(mistake.line >= 1 and mistake.column >= 1 for mistake in document.mistakes)


def test_no_body_holds_a_nul_or_half_a_surrogate() -> None:
    for text in (
        'a: "\\0"',
        'a: !!binary "AAA="',
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        'a: "\\ud800"',
        '{"\\udfff": "\\ud800x"}',
        "a: \x00",
    ):
        said = json.dumps([document.value for document in documents(text.encode("utf-8", "surrogatepass"))])
        assert "\\u0000" not in said
        assert "\\ud" not in said


def test_collection_of_garbage_is_as_it_was_afterwards() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
