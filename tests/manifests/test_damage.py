"""Valid manifests, broken in every way we know: the diagnosis names the line, and the mend gives the object back."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from auditor.kube.secrets import new_key
from auditor.manifests import mending, read
from auditor.manifests.documents import documents
from auditor.model import Severity
from tests.manifests.damage import KINDS, damaged
from tests.manifests.test_diagnosis import VALID

EACH = 400 if os.environ.get("AUDITOR_TEST_PROFILE") == "soak" else 12
KEY = new_key()


@cache
def problems(text: str) -> tuple[int, ...] | None:
    """Lines of what is said; None where it is all in order."""
    found = read(text.encode(), source="s", file="f", cluster="", namespace=None, key=KEY)
    said = tuple(p.place.line for p in found.problems if p.place and p.severity is not Severity.INFO)
    return said or None


def values(text: str) -> list[Any]:
    return [document.value for document in documents(text.encode())]


@cache
def corpus() -> Sequence[str]:
    """Texts of one document or two, in which nothing is wrong."""
    alone = [text.strip("\n") + "\n" for text in VALID if text.count("\n") > 4 and problems(text) is None]
    return [*alone, *(f"{first}---\n{second}" for first, second in zip(alone, alone[1:] + alone[:1], strict=True))]


@dataclass(slots=True)
class Figures:
    """Of one kind of damage: how many there were, how many could not be noticed, were told at their line, and put right; and of
    how many something else was made, in which nothing is wrong: the worst that can happen."""

    made: int = 0
    silent: int = 0
    told: int = 0
    restored: int = 0
    astray: int = 0
    missed: list[str] = field(default_factory=list)

    def line(self, kind: str) -> str:
        seen = max(self.made - self.silent, 1)
        return f"{kind:48} {self.made:5} {self.silent:7} {100 * self.told / seen:6.1f} % {100 * self.restored / seen:6.1f} % {self.astray:6}"


def tried(kind: str, rng: random.Random, count: int) -> Figures:
    figures, texts = Figures(), corpus()
    for _ in range(count * 20):
        if figures.made >= count:
            break
        text = rng.choice(texts)
        found = damaged(text, kind, rng)
        if found is None or found.text == text:
            continue
        figures.made += 1
        said = problems(found.text)
        if said is None:
            figures.silent += 1  # what is written is another manifest, and in order
            continue
        told = bool(found.lines & set(said))
        after = "\n".join(mending.mended(found.text.encode()).after)
        restored = values(after) == values(text)
        figures.told += told
        figures.restored += restored
        figures.astray += not restored and problems(after) is None
        if not (told and restored):
            figures.missed.append(
                f"{kind}: told {said}, damaged {sorted(found.lines)}, restored {restored}\n{found.text}"
            )
    return figures


def test_damage_is_told_at_its_line_and_put_right(rng: random.Random, capsys: pytest.CaptureFixture[str]) -> None:
    figures = {kind: tried(kind, random.Random(number), EACH) for number, kind in enumerate(KINDS)}
    fresh = [tried(kind, rng, EACH // 4) for kind in KINDS]
    with capsys.disabled():
        print(
            f"\n{'kind of damage':48} {'made':>5} {'silent':>7} {'told':>8} {'restored':>8} {'astray':>6}",
            file=sys.stderr,
        )
        for kind, each in figures.items():
            print(each.line(kind), file=sys.stderr)
    for some in (figures.values(), fresh):
        seen = sum(each.made - each.silent for each in some)
        missed = "\n".join(text for each in some for text in each.missed)
        assert seen > EACH * len(KINDS) // 8
        assert sum(each.told for each in some) >= 0.95 * seen, missed
        assert sum(each.restored for each in some) >= 0.9 * seen, missed
        assert sum(each.astray for each in some) <= 0.02 * seen, missed
    for kind, each in figures.items():
        assert each.told >= 0.7 * (each.made - each.silent), (kind, each.missed)
        # which kind of apps/v1 a template and a selector were meant for, nobody can tell
        least = 0.4 if kind == "a part that is missing" else 0.7
        assert each.restored >= least * (each.made - each.silent), (kind, each.missed)


def test_nothing_is_mended_that_is_in_order() -> None:
    for text in corpus():
        assert not mending.mended(text.encode()).changed, text
