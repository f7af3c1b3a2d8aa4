"""What was read once is not read again, and comes back as it was."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.desired import parsed, records, sandbox
from auditor.desired.files import File
from auditor.desired.sandbox import Request
from auditor.kube.secrets import Key, key_of
from auditor.manifests import reader
from auditor.model import RawPath, Resource, Sealed
from tests.desired.repositories import config_map

KEY = key_of(b"only for tests, all of them")
CANARY = "canary-" + "x" * 20
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: {CANARY}\n"


def paths(value: Any, path: RawPath = ()) -> list[RawPath]:
    found = [path]
    if isinstance(value, dict):
        found += [deeper for key, each in value.items() for deeper in paths(each, (*path, key))]
    if isinstance(value, list):
        found += [deeper for index, each in enumerate(value) for deeper in paths(each, (*path, index))]
    return found


def direct(text: bytes, file: str = "a.yaml") -> reader.Read:
    return reader.read(text, source="s", file=file, cluster="c", namespace="n", key=KEY)


def there_and_back(text: bytes) -> records.Read:
    return records.decode(records.encode(direct(text), text), source="s", file="a.yaml", text=text)


def same(one: Resource, other: Resource) -> None:
    assert (one.ref, one.api_version, one.body, one.origin) == (other.ref, other.api_version, other.body, other.origin)
    for path in paths(one.body):
        for asked in (path, (*path, "absent", 0)):
            assert one.place(asked) == other.place(asked), asked


TEXTS = {
    "documents": "# remark\n\n---\n" + config_map("a") + "---\n" + config_map("b") + "---\n---\n" + config_map("a"),
    "list": "apiVersion: v1\nkind: List\nitems:\n"
    + "".join("- " + config_map(n).replace("\n", "\n  ").rstrip() + "\n" for n in "ab"),
    "json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}\n{"apiVersion":"v1","kind":"ConfigMap",\n "metadata":{"name":"b"},"data":{"a":"1"}}',
    "secret": SECRET,
    "secret in list": f'{{"apiVersion":"v1","kind":"List","items":[{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"s"}},"data":{{"a":"eA=="}}}},\n{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c"}},"data":{{"k":"{CANARY}"}}}}]}}',
    "mixed": config_map("a") + "---\n" + SECRET + "---\n" + config_map("b"),
    "bom": "\ufeff" + config_map("é—"),
    "wide": config_map("a", "\u2028 \U0001f600"),
    "crlf": config_map("a").replace("\n", "\r\n"),
    "broken": config_map("a") + "---\n[\n---\n" + config_map("b"),
    "large numbers": "apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec: {a: 18446744073709551615, b: -9223372036854775808, c: 1.5, d: null, e: true}\n",
    "repeated": "---\n".join(config_map("same") for _ in range(3)),
    "nothing": "",
    "chart": "apiVersion: v2\nname: x\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_what_crosses_between_processes_arrives_whole_with_every_place(text: str) -> None:
    here, there = direct(text.encode()), there_and_back(text.encode())
    assert there.problems == here.problems
    assert there.skipped == tuple(skipped.reason for skipped in here.skipped)
    assert len(there.resources) == len(here.resources)
    for one, other in zip(here.resources, there.resources, strict=True):
        same(one, other)


def test_utf16_crosses_too() -> None:
    text = config_map("a").encode("utf-16")
    for one, other in zip(direct(text).resources, there_and_back(text).resources, strict=True):
        same(one, other)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(["ConfigMap", "Secret", "Deployment"]), _VALUES), max_size=3))
def test_anything_that_can_be_written_arrives_whole(objects: list[tuple[str, Any]]) -> None:
    import json

    text = "\n---\n".join(
        json.dumps(
            {"apiVersion": "v1", "kind": kind, "metadata": {"name": f"n{index}"}, "data": value, "spec": {"x": value}},
            indent=1,
        )
        for index, (kind, value) in enumerate(objects)
    )
    here, there = direct(text.encode()), there_and_back(text.encode())
    assert there.problems == here.problems
    for one, other in zip(here.resources, there.resources, strict=True):
        same(one, other)


def test_no_value_of_a_secret_is_in_a_record_and_none_is_kept() -> None:
    for name in ("secret", "mixed", "secret in list"):
        text = TEXTS[name].encode()
        line = records.encode(direct(text), text)
        assert not records.decode(line, source="s", file="a.yaml", text=text).keepable
        assert name == "secret in list" or CANARY.encode() not in line
    assert there_and_back(config_map("a").encode()).keepable
    assert not there_and_back(b"kind: Secret\nstringData: {a: canary\n").keepable


@pytest.mark.parametrize(
    "line",
    [b"", b"x", b"{}", b"[]", b'{"resources":[{}],"problems":[],"skipped":[],"keepable":true}', b'{"resources":1}'],
)
def test_a_line_that_was_cut_is_no_record(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of orjson or ours
        records.decode(line, source="s", file="a.yaml", text=b"")


# --- the cache ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(key: Key) -> Request:
    return Request("src", "test", None, key)


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files that were really parsed."""
    true, seen = sandbox.read_lines, []

    def counted(files: list[File], request: Request, *, deadline: float) -> Any:
        seen.extend(file.name for file in files)
        return true(files, request, deadline=deadline)

    monkeypatch.setattr(sandbox, "read_lines", counted)
    return seen


def soon() -> float:
    return time.monotonic() + 60


def blob(name: str, text: str) -> File:
    return File(name, text.encode(), f"{abs(hash((name, text))):040x}")


def test_only_what_changed_is_parsed_again(cache: Path, asked: Request, count: list[str]) -> None:
    one = [
        blob("a.yaml", config_map("a")),
        blob("b.yaml", config_map("b")),
        blob("s.yaml", SECRET),
        blob("bad.yaml", "["),
    ]
    first = parsed.read(one, asked, cache=cache, deadline=soon())
    assert count == ["a.yaml", "b.yaml", "s.yaml", "bad.yaml"]
    count.clear()
    again = parsed.read(one, asked, cache=cache, deadline=soon())
    assert count == ["s.yaml"]
    for here, there in zip(first, again, strict=True):
        assert here.problems == there.problems
        for x, y in zip(here.resources, there.resources, strict=True):
            same(x, y)
    assert isinstance(again[2].resources[0].body["stringData"]["a"], Sealed)
    count.clear()
    one[1] = blob("b.yaml", config_map("b", "2"))
    assert parsed.read(one[:2], asked, cache=cache, deadline=soon())[1].resources[0].body["data"] == {"a": "2"}
    assert count == ["b.yaml"]
    (kept,) = cache.glob("parsed/*")
    assert kept.read_bytes().count(b"\n") == 2
    assert CANARY.encode() not in kept.read_bytes()


def test_what_changes_the_meaning_of_a_file_is_not_taken_from_the_cache(
    cache: Path, asked: Request, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = blob("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    for request in (
        asked,
        replace(asked, namespace="n"),
        replace(asked, cluster="x"),
        replace(asked, charts=("Chart.yaml",)),
    ):
        (read,) = parsed.read([file], request, cache=cache, deadline=soon())
        assert read.resources[0].ref.namespace == request.namespace
        assert read.resources[0].ref.cluster == request.cluster
    assert len(count) == 4
    parsed.read([replace(file, name="b.yaml")], asked, cache=cache, deadline=soon())
    assert len(count) == 5
    monkeypatch.setattr(parsed, "_version", lambda: b"another")
    parsed.read([replace(file, name="b.yaml")], asked, cache=cache, deadline=soon())
    assert len(count) == 6


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\xff\t{}\n", b"cut"])
def test_a_damaged_cache_is_no_cache(damage: bytes, cache: Path, asked: Request, count: list[str]) -> None:
    file = blob("a.yaml", config_map("a"))
    parsed.read([file], asked, cache=cache, deadline=soon())
    (kept,) = cache.glob("parsed/*")
    kept.write_bytes(kept.read_bytes()[:-20] if damage == b"cut" else damage)
    (read,) = parsed.read([file], asked, cache=cache, deadline=soon())
    assert [resource.ref.name for resource in read.resources] == ["a"]
    assert len(count) == 2


def test_a_cache_that_cannot_be_written_hinders_nobody(tmp_path: Path, asked: Request) -> None:
    (tmp_path / "cache").write_text("")
    (read,) = parsed.read([blob("a.yaml", config_map("a"))], asked, cache=tmp_path / "cache", deadline=soon())
    assert len(read.resources) == 1


def test_two_blobs_with_one_name_are_two_files(cache: Path, asked: Request) -> None:
    two = [blob("a.yaml", config_map("a", "1")), blob("a.yaml", config_map("a", "2"))]
    for _ in range(2):
        read = parsed.read(two, asked, cache=cache, deadline=soon())
        assert [each.resources[0].body["data"]["a"] for each in read] == ["1", "2"]
