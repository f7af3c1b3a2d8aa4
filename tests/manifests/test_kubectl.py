"""What we read is what the real kubectl reads, and what it refuses we refuse: the same texts through both."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from auditor.manifests.documents import documents
from tests.components import missing
from tests.controlplane import build
from tests.manifests import yaml_texts
from tests.manifests.test_cases import same

pytestmark = pytest.mark.component

WORDS = ["y", "Y", "n", "N", "yes", "Yes", "yEs", "no", "NO", "on", "On", "oN", "off", "OFF", "true", "tRUE", "null", "Null", "nULL", "~", ".inf", ".nan", "1e3", "7e2", "1e400", "0o17", "0644", "08", "09.5", "0b11", "-0b11", "0b-1", "0x1F", "0x_1", "1__0", "1_000", "+12", "-5", ".5", ".1_0", "1.", "1.10", "1:30", "12:30:45", "2024-01-01", "=", "<<", "18446744073709551616", "9223372036854775808"]  # fmt: skip
TAGS = ["", "", "", "", "!!str ", "!!int ", "!!float ", "!!binary ", "!local ", "! "]
BLOCKS = [
    "k: &a {x: 1, y: 2}\nv: {x: 9, <<: *a}\n",
    "k: &a {x: 1}\nb: &b {x: 2, z: 3}\nv: {<<: [*a, *b], x: 0}\n",
    "v: |\n  a\n   b\n\n",
    "v: |+\n  a\n\n\n",
    "v: >-\n  a\n  b\n\n  c\n   d\n",
    "v: 'it''s\n  two'\n",
    'v: "a\\\n   b\\x41\\u00e9"\n',
    "v:\n- a\n- - b\n  - c\n-\n- d: e\n",
    "v: {a:1, 'b': c, \"d\":e}\n",
    "? v\n: w\n",
    "v: a\n  b\n  c\n",
    "v: [a, b,\n  c]\n",
    "1: a\n1.5: b\ntrue: c\n0x10: d\n1e6: e\n",
    "a: [*nope]\n",
    "a: &a [*a]\n",
    "[a]: b\n",
    "a: b: c\n",
    "a: 'x\n",
    "a: [b\n",
    "\ta: b\n",
    "a: @b\n",
    "~: b\n",
    "a: !!int b\n",
    "a: {b?: c}\n",
]


@pytest.fixture(scope="module")
def kubectl() -> Path:
    found = build.look_up().get("kubectl")
    if found is None:
        missing("kubectl is not built", remedy=build.REMEDY)
    return found


def read_by(kubectl: Path, text: str) -> tuple[list[Any], str]:
    """The `spec` of every object, and what kubectl says."""
    done = subprocess.run(
        [kubectl, "label", "--local", "-f", "-", "zz=1", "-o", "json"],
        input=text.encode(),
        capture_output=True,
        timeout=60,
        env={"HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"},
    )
    specs, at, out = [], 0, done.stdout.decode()
    while at < len(out):
        body, at = json.JSONDecoder().raw_decode(out, at)
        specs += [item["spec"] for item in (body["items"] if body["kind"] == "List" else [body])]
        at += len(out[at:]) - len(out[at:].lstrip())
    return specs, done.stderr.decode()


def manifest(spec: str) -> str:
    return "apiVersion: e.com/v1\nkind: T\nmetadata: {name: x}\nspec:\n" + "".join(
        f"  {line}\n" if line else "\n" for line in spec.removesuffix("\n").split("\n")
    )


def specs_of(text: str) -> list[Any] | None:
    """What we read; None where something is refused."""
    found = list(documents(text.encode()))
    return [document.value["spec"] for document in found] if all(document.readable for document in found) else None


def candidates(rng: random.Random) -> list[str]:
    found = list(BLOCKS)
    for _ in range(400):
        scalar = rng.choice(
            [rng.choice(WORDS), "".join(rng.choice("0123456789_+-.eExob") for _ in range(rng.randint(1, 8)))]
        )
        quote = rng.choice(["", "", "", "'", '"'])
        tag = rng.choice(TAGS)
        form = rng.choice(["v: {}", "v: {}", "v: [{}]", "{}: v", "v:\n- {}\n"])
        found.append(form.replace("{}", f"{tag}{quote}{scalar}{quote}"))
    return found


def test_what_we_read_kubectl_reads_the_same(kubectl: Path, rng: random.Random) -> None:
    texts = [text for each in candidates(rng) if (text := manifest(each)) and specs_of(text) is not None]
    assert len(texts) > 200
    together = "---\n".join(texts)
    ours = specs_of(together)
    theirs, said = read_by(kubectl, together)
    assert ours is not None
    different = [(text, a, b) for text, a, b in zip(texts, ours, theirs, strict=False) if not same(a, b)]
    assert different == []
    assert (len(theirs), said) == (len(ours), "")


def test_what_we_refuse_kubectl_refuses(kubectl: Path, rng: random.Random) -> None:
    refused = [text for each in candidates(rng) if (text := manifest(each)) and specs_of(text) is None]
    assert len(refused) > len(BLOCKS) // 3
    for text in [*refused[:9], *rng.sample(refused, min(6, len(refused)))]:
        theirs, said = read_by(kubectl, text)
        assert theirs == [], text
        assert "error" in said


DOCUMENTS = int(os.environ.get("AUDITOR_YAML_DOCUMENTS", "3000"))
"""How many documents are read by both; `make soak` and patient people ask for more."""


def read_files(kubectl: Path, folder: Path) -> tuple[dict[str, list[Any]], set[str]]:
    """What kubectl reads of each file of a folder, and the files that it refuses in part or whole. One start for all of them."""
    done = subprocess.run(
        [kubectl, "label", "--local", "-f", folder, "zz=1", "-o", "json"],
        capture_output=True,
        timeout=300,
        env={"HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"},
    )
    found: dict[str, list[Any]] = {}
    name, at, out = "", 0, done.stdout.decode()
    while at < len(out):
        body, at = json.JSONDecoder().raw_decode(out, at)
        for item in body["items"] if body["kind"] == "List" else [body]:
            name = str(item["metadata"].get("name", name)).split("-")[0]
            found.setdefault(name, []).append(yaml_texts.without_label(item))
        at += len(out[at:]) - len(out[at:].lstrip())
    return found, set(re.findall(r"/(n[0-9]{6})\.yaml", done.stderr.decode("utf-8", "replace")))


def agrees(data: bytes, theirs: list[Any], refused: bool) -> bool:
    """Whether we read of a file what kubectl does, up to where it gives up."""
    found = list(documents(data))
    broken = next((number for number, each in enumerate(found) if not each.readable), None)
    ours = [yaml_texts.without_label(each.value) for each in found[:broken]]
    # a separator with text on it keeps kubectl from the document above it; that one we read
    less = broken is not None and found[broken].mistakes[0].message == "text follows --- on its line"
    if broken is not None and found[broken].mistakes[0].message == "a NUL character is not allowed":
        refused = True  # by us: databases do
        theirs = theirs[: len(ours)]
    return (broken is not None) == refused and same(ours[: len(theirs)] if less else ours, theirs)


def test_of_thousands_of_texts_we_read_what_kubectl_reads(kubectl: Path, rng: random.Random, tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    count = 0
    while count < DOCUMENTS:
        name = f"n{len(files):06}"
        files[name] = yaml_texts.file(rng, name)
        count += max(len(list(documents(files[name]))), 1)
        (tmp_path / f"{name}.yaml").write_bytes(files[name])
    theirs, refused = read_files(kubectl, tmp_path)
    different = [name for name, data in files.items() if not agrees(data, theirs.get(name, []), name in refused)]
    for name in different:
        again = tmp_path / f"again-{name}"
        again.mkdir()
        (again / f"{name}.yaml").write_bytes(files[name])
        # of two keys that become one only in JSON (1 and "1") kubectl takes either, as Go's maps have no order
        answers = [read_files(kubectl, again) for _ in range(12)]
        assert any(agrees(files[name], read.get(name, []), name in broken) for read, broken in answers), files[name]
    assert count // 4 < sum(map(len, theirs.values())) < count
    assert len(refused) > len(files) // 10
