"""Ways in which people break manifests: a valid text and random numbers in, the broken text and where it was broken out."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple


class Damage(NamedTuple):
    """`lines`: those that may be named for it, from 1."""

    text: str
    lines: frozenset[int]


_KEY: Final = re.compile(r"^(?P<indent> *)(?P<dash>- )?(?P<key>[A-Za-z][\w./-]*):(?P<gap> ?)(?P<value>.*)$")
_Make = Callable[[list[str], random.Random], "tuple[list[str], int] | None"]


def _keys(lines: list[str], wanted: Callable[[re.Match[str]], object]) -> list[tuple[int, re.Match[str]]]:
    """Entries in block style that stand in no block scalar."""
    found, block = [], -1
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if block >= 0 and (not line.strip() or indent > block):
            continue
        block = -1
        match = _KEY.match(line)
        if match and re.search(r"[|>][-+0-9]*\s*(#.*)?$", match["value"]):
            block = indent
        elif match and wanted(match):
            found.append((number, match))
    return found


def _pick(
    lines: list[str], rng: random.Random, wanted: Callable[[re.Match[str]], object]
) -> tuple[int, re.Match[str]] | None:
    found = _keys(lines, wanted)
    return rng.choice(found) if found else None


def _with(lines: list[str], number: int, *new: str) -> tuple[list[str], int]:
    return [*lines[:number], *new, *lines[number + 1 :]], number


def _extent(lines: list[str], number: int) -> int:
    """The number after the last line of an entry."""
    match = _KEY.match(lines[number])
    assert match
    column = len(match["indent"]) + len(match["dash"] or "")
    end = number + 1
    while end < len(lines):
        line = lines[end]
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and not (
            indent > column or (indent == column and line.lstrip().startswith("- ") and not match["dash"])
        ):
            break
        end += 1
    return end


def _edited(wanted: Callable[[re.Match[str]], object], change: Callable[[re.Match[str], random.Random], str]) -> _Make:
    def make(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
        found = _pick(lines, rng, wanted)
        return None if found is None else _with(lines, found[0], change(found[1], rng))

    return make


def _moved(line: str, by: int) -> str:
    return " " * by + line if by > 0 else line[min(-by, len(line) - len(line.lstrip(" "))) :]


def _depth(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    """One line alone, by one level or so."""
    found = _pick(lines, rng, lambda match: match["indent"] and not match["dash"])
    if found is None:
        return None
    return _with(lines, found[0], _moved(lines[found[0]], rng.choice([-2, 2, -1, 1, 4])))


def _block(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    """An entry with all that it holds, a level too far left or right."""
    found = _pick(lines, rng, lambda match: match["indent"] and not match["dash"] and not match["value"])
    if found is None:
        return None
    number, by = found[0], rng.choice([-2, 2])
    end = _extent(lines, number)
    return [*lines[:number], *(_moved(line, by) for line in lines[number:end]), *lines[end:]], number


def _dashes(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    """An element of a list, alone or with its fields, beside its column."""
    found = _pick(lines, rng, lambda match: match["dash"])
    if found is None:
        return None
    number, by = found[0], rng.choice([-2, -1, 1, 2])
    indent = len(found[1]["indent"])
    end = number + 1
    while rng.random() < 0.5 and end < len(lines) and lines[end].startswith(" " * (indent + 1)):
        end += 1
    if end < len(lines) and lines[end].startswith(" " * (indent + 1)):
        end = number + 1  # the whole of it, or its first line
    return [*lines[:number], *(_moved(line, by) for line in lines[number:end]), *lines[end:]], number


def _spaces(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    odd = rng.choice(["\u00a0", "\u3000"])
    found = _pick(lines, rng, lambda match: match["indent"] or match["gap"])
    if found is None:
        return None
    number, match = found
    line = lines[number]
    if match["indent"] and rng.random() < 0.5:
        at = rng.randrange(len(match["indent"]))
        return _with(lines, number, line[:at] + odd + line[at + 1 :])
    if match["dash"] and rng.random() < 0.5:
        return _with(lines, number, line.replace("- ", "-" + odd, 1))
    return _with(lines, number, line.replace(": ", ":" + odd, 1) if match["value"] else line.replace(":", odd + ":", 1))


def _tab(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    found = _pick(lines, rng, lambda match: len(match["indent"]) >= 2)
    if found is None:
        return None
    width = rng.choice([width for width in (2, 4, 8) if width <= len(found[1]["indent"])])
    if len(found[1]["indent"]) % width:
        width = 2
    return _with(lines, found[0], "\t" * (len(found[1]["indent"]) // width) + lines[found[0]].lstrip(" "))


def _misspelt(match: re.Match[str], rng: random.Random) -> str:
    key = match["key"]
    at = rng.randrange(1, len(key) - 1)
    change = rng.choice(["drop", "double", "swap", "end"])
    if change == "drop":
        key = key[:at] + key[at + 1 :]
    elif change == "double":
        key = key[:at] + key[at] + key[at:]
    elif change == "swap":
        key = key[: at - 1] + key[at] + key[at - 1] + key[at + 1 :]
    else:
        key = key[:-1] if key.endswith("s") else key + "s"
    return f"{match['indent']}{match['dash'] or ''}{key}:{match['gap']}{match['value']}"


def _remark(match: re.Match[str], rng: random.Random) -> str:
    head = f"{match['indent']}{match['dash'] or ''}{match['key']}"
    words = rng.choice(["\uff08\u8bf4\u660e\uff09", "\u3010\u8bf4\u660e\u3011"])
    if match["value"]:
        return f"{head}: {match['value']}{rng.choice(['', ' '])}{words}"
    return rng.choice(
        [f"{head}:{words}", f"{head}: {words}", f"{head}{words}:", f"{head}: (as above)", f"{head}: see below"]
    )


def _second(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    found = [number for number, line in enumerate(lines) if line.strip() == "---" and 0 < number < len(lines) - 1]
    if not found:
        return None
    number = rng.choice(found)
    return _with(lines, number, *rng.choice([(), ("--",), ("\u2014",)]))


def _part(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    found = [number for number, line in enumerate(lines) if re.match(r"(apiVersion|kind): |(metadata|spec):$", line)]
    return _with(lines, rng.choice(found)) if found else None


_FORMER: Final = {
    "apps/v1": "apps/v1beta2", "batch/v1": "batch/v1beta1", "autoscaling/v2": "autoscaling/v2beta2", "policy/v1": "policy/v1beta1",
    "networking.k8s.io/v1": "extensions/v1beta1", "rbac.authorization.k8s.io/v1": "rbac.authorization.k8s.io/v1beta1",
}  # fmt: skip


def _removed(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    found = [
        n
        for n, line in enumerate(lines)
        if line.removeprefix("apiVersion: ") in _FORMER
        and not (line.endswith("batch/v1") and "kind: CronJob" not in lines)
    ]
    if not found:
        return None
    number = rng.choice(found)
    return _with(lines, number, f"apiVersion: {_FORMER[lines[number].removeprefix('apiVersion: ')]}")


def _status(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    status = rng.choice(
        [["status: {phase: Running}"], ["status:", "  conditions:", "  - type: Ready", '    status: "True"']]
    )
    return [*lines[:-1], *status, *lines[-1:]] if lines[-1] == "" else [*lines, *status], len(lines) - (lines[-1] == "")


def _twice(lines: list[str], rng: random.Random) -> tuple[list[str], int] | None:
    found = _pick(lines, rng, lambda match: not match["dash"])
    if found is None:
        return None
    number = found[0]
    end = _extent(lines, number)
    return [*lines[:end], *lines[number:end], *lines[end:]], end


_INTEGERS: Final = r"^(replicas|containerPort|port|number|\w+Seconds|\w+Threshold|m(in|ax)Replicas|parallelism|completions|backoffLimit|\w+Limit|weight|averageUtilization|runAs\w+|defaultMode)$"
_FLAGS: Final = (
    r"^(readOnly\w*|privileged|runAsNonRoot|optional|allow\w+|host(PID|IPC|Network)|suspend|immutable|automount\w+)$"
)

KINDS: Final[Mapping[str, _Make]] = {
    "one line at the wrong depth": _depth,
    "an entry with all it holds at the wrong depth": _block,
    "an element of a list out of its column": _dashes,
    "no colon": _edited(lambda m: True, lambda m, rng: f"{m['indent']}{m['dash'] or ''}{m['key']}{' ' if m['value'] else ''}{m['value']}"),
    "a full-width colon": _edited(lambda m: True, lambda m, rng: m[0].replace(":" + m["gap"], "\uff1a" + rng.choice(["", m["gap"]]), 1)),
    "no space after the colon": _edited(lambda m: m["value"], lambda m, rng: m[0].replace(": ", ":", 1)),
    "no space after the dash": _edited(lambda m: m["dash"], lambda m, rng: m[0].replace("- ", "-", 1)),
    "another dash": _edited(lambda m: m["dash"], lambda m, rng: m[0].replace("-", rng.choice("\u2013\u2014\uff0d"), 1)),
    "a remark without #": _edited(lambda m: not m["value"] or re.fullmatch(r"\d+|true|false", m["value"]), _remark),
    "blanks that are no spaces": _spaces,
    "tabs": _tab,
    "smart quotes": _edited(lambda m: re.fullmatch(r'"[^"\\]+"', m["value"]), lambda m, rng: re.sub(r'"(.*)"', rng.choice(["\u201c\\1\u201d", "\u201d\\1\u201d"]), m[0])),
    "a misspelt field": _edited(lambda m: len(m["key"]) > 4 and m["key"].isalpha(), _misspelt),
    "text where a number must be": _edited(lambda m: (re.match(_INTEGERS, m["key"]) and m["value"].isdigit()) or (re.match(_FLAGS, m["key"]) and m["value"] in ("true", "false")), lambda m, rng: m[0].replace(m["value"], rng.choice(['"{}"', "'{}'"]).format(m["value"]))),
    "a number where text must be": _edited(lambda m: re.fullmatch(r'"(\d+|true|false|yes|no|on|off)"', m["value"]), lambda m, rng: m[0].replace('"', "")),
    "written twice": _twice,
    "no line --- between documents": _second,
    "a status": _status,
    "a part that is missing": _part,
    "a version that was removed": _removed,
    "a quote that is not closed": _edited(lambda m: re.fullmatch(r'"[^"\\#]*[A-Za-z][^"\\#]*"', m["value"]), lambda m, rng: m[0][:-1]),
    "a bracket that is not closed": _edited(lambda m: re.fullmatch(r"\[[^\[\]{}#]+\]|\{[^\[\]{}#]+\}", m["value"]), lambda m, rng: m[0][:-1]),
}  # fmt: skip


def damaged(text: str, kind: str, rng: random.Random) -> Damage | None:
    """The text with one damage of a kind; None where it has no place for one."""
    found = KINDS[kind](text.split("\n"), rng)
    if found is None:
        return None
    lines, number = found
    said = {number + 1}
    if len(lines) != len(text.split("\n")) or kind == "a part that is missing":
        said |= {number, number + 2}  # beside what is missing
    return Damage("\n".join(lines), frozenset(said))
