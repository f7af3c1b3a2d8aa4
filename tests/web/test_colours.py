"""Contrast of every pair of text and ground, computed from the style sheet (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import auditor.web

CSS = (Path(auditor.web.__file__).parent / "static" / "style.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in re.split(r"@media screen and", CSS)[:2]
)
GROUNDS = ("page", "surface", "raised", "hover")
TEXTS = ("text", "muted", "link", "bad", "warn", "ok", "unknown", "waived", "info", "git", "live")


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
def test_every_text_can_be_read_on_every_ground(scheme: dict[str, str]) -> None:
    for text in TEXTS:
        for ground in GROUNDS:
            assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
        own = scheme.get(f"{text}-bg")
        assert own is None or contrast(scheme[text], own) >= 4.5, text
    for side in ("git", "live"):
        assert contrast(scheme["text"], scheme[f"{side}-mark"]) >= 4.5
        assert contrast(scheme["text"], scheme[f"{side}-bg"]) >= 4.5
    assert contrast(scheme["surface"], scheme["bad"]) >= 4.5
    assert contrast(scheme["control"], scheme["surface"]) >= 3


def test_the_dark_scheme_has_every_colour_of_the_light_one() -> None:
    assert set(DARK) == set(LIGHT)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
