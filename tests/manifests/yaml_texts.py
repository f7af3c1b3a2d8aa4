"""YAML of every form that a person or a program writes, right and wrong: random numbers in, the text of one manifest out."""

from __future__ import annotations

import random
import re
from typing import Any, Final

SCALARS: Final = ["y", "n", "yes", "No", "on", "OFF", "true", "False", "tRUE", "null", "~", "NULL", ".inf", "-.INF", ".nan", "1e3", "7e2", "1e400", "1234e567", "0o17", "0644", "08", "0b11", "0b-1", "0x1F", "0x_1", "1_000", "1__0", "+12", "-5", ".5", ".1_0", "1.", "1.10", "-0", "-0.0", "1:30", "12:30:45", "2024-01-01", "2024-01-01T10:00:00Z", "=", "18446744073709551616", "9223372036854775808", "9007199254740993", "1e15", "1.5e300", "123456789.123456789", "hello", "a b  c", "a#b", "a:b", "http://x/y?z=1", "*.example", "-x", "é", "日本", "\U0001f600", "a: b", "a #b", "?", "-", ":", "@x", "`x", "%x", "!x", "[x", "x]", "{x", "x}", ",x", "x,", "|", ">", "&", "'", '"', "''", '""', "a'b", 'a"b', "<<", "\u00a0", "x\u2028y", "\u0085", "x\ty"]  # fmt: skip
KEYS: Final = ["a", "b", "c", "d", "e-f", "g.h/i", "j k", "1", "1.5", "0x10", "y", "true", "1e6", "2024-01-01", "'q'", '"r"', '"\\x41"', "ü", "$x", "-z", "s:t"]  # fmt: skip
TAGS: Final = ["!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "!!binary ", "!local ", "! ", "!!map ", "!!seq "]  # fmt: skip
BREAKS: Final = list(":-?[]{},#&*!|>'\"%@` \t\n\\xn1~=<\u00a0\u2028\0\x07é")


class Writer:
    """Writes one value after the other; anchors that were written can be named."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.anchors: list[str] = []
        self.maps: list[str] = []

    def spec(self) -> list[str]:
        """The lines of a `spec`, indented by two."""
        return self.block(self.rng.randint(1, 3), 2)

    def block(self, depth: int, indent: int) -> list[str]:
        rng = self.rng
        lines: list[str] = []
        form = rng.choice(["map", "map", "list"])
        step = rng.choice([0, 1, 2, 2, 2, 3, 4])
        for _ in range(rng.randint(1, 4)):
            if rng.random() < 0.1:
                lines.append(" " * rng.randint(0, 8) + rng.choice(["# remark", "#", "", "   "]))
            if form == "list":
                lead = " " * indent + "-"
                if depth > 1 and rng.random() < 0.4:
                    inner = self.block(depth - 1, indent + 2)
                    compact = rng.random() < 0.7 and inner[0].strip() and not inner[0].lstrip().startswith("#")
                    lines += [" " * indent + "- " + inner[0].lstrip(" "), *inner[1:]] if compact else [lead, *inner]
                else:
                    lines += self.value(lead + " ", indent)
            else:
                lines += self.entry(depth, indent, step)
        return lines

    def entry(self, depth: int, indent: int, step: int) -> list[str]:
        rng = self.rng
        key = rng.choice(KEYS)
        lead = " " * indent
        if self.maps and rng.random() < 0.15:
            name = rng.choice(self.maps)
            return [lead + rng.choice([f"<<: *{name}", f"<<: [*{name}]", f"<<: [*{name}, {{m: 1}}]"])]
        if rng.random() < 0.03:
            return [f"{lead}? {key}", f"{lead}: {self.inline(1)}"]
        if depth > 1 and rng.random() < 0.45:
            anchor = ""
            name = f"m{len(self.anchors)}"
            if rng.random() < 0.25:
                anchor = f" &{name}"
            inner = self.block(depth - 1, indent + max(step, 1))
            if anchor:
                self.anchors.append(name)
                if not inner[0].lstrip().startswith("-"):
                    self.maps.append(name)
            if inner[0].lstrip().startswith("- ") and step == 0 and rng.random() < 0.5:
                inner = [line[1:] if line.startswith(" " * (indent + 1)) else line for line in inner]
            return [f"{lead}{key}:{anchor}{rng.choice(['', '', ' # remark'])}", *inner]
        return self.value(f"{lead}{key}: ", indent)

    def value(self, lead: str, indent: int) -> list[str]:
        rng = self.rng
        form = rng.random()
        if form < 0.55:
            return [lead + self.inline(2) + rng.choice(["", "", "", " # remark", "  "])]
        if form < 0.75:
            return self.text(lead, indent)
        if form < 0.85:
            quote = rng.choice(["'", '"'])
            words = [
                rng.choice(["one", "two  three", "", "it''s" if quote == "'" else "\\x41\\u00e9\\n", "a: b", "# no"])
                for _ in range(3)
            ]
            return [
                lead + quote + words[0],
                *(" " * (indent + 2) + word for word in words[1:-1]),
                " " * (indent + 2) + words[-1] + quote,
            ]
        if form < 0.95:
            return [
                lead + "plain",
                " " * (indent + rng.randint(1, 4)) + "goes on",
                *([""] if rng.random() < 0.3 else []),
                " " * (indent + 2) + rng.choice(["here", "- x", "1"]),
            ]
        return [lead.rstrip()]

    def text(self, lead: str, indent: int) -> list[str]:
        """A block scalar."""
        rng = self.rng
        head = rng.choice("|>") + rng.choice(["", "", "-", "+", "2", "1-", "+3"]) + rng.choice(["", "", " # remark"])
        pad = " " * (indent + rng.choice([1, 2, 2, 3]))
        body = [
            rng.choice(
                [
                    "",
                    pad + "line",
                    pad + "  deeper",
                    pad + "# no remark",
                    pad + "a: b",
                    pad + "\ttab",
                    pad + "trail  ",
                    "  ",
                ]
            )
            for _ in range(rng.randint(0, 4))
        ]
        return [lead + head, *body]

    def inline(self, depth: int) -> str:
        rng = self.rng
        form = rng.random()
        if self.anchors and form < 0.08:
            return f"*{rng.choice(self.anchors)}"
        if form < 0.14:
            name = f"s{len(self.anchors)}"
            written = f"&{name} {self.scalar()}"
            self.anchors.append(name)
            return written
        if depth and form < 0.24:
            return (
                "["
                + ", ".join(self.inline(depth - 1) for _ in range(rng.randint(0, 3)))
                + rng.choice(["]", ",]", " ]"])
            )
        if depth and form < 0.36:
            entries = [
                f"{rng.choice(KEYS)}{rng.choice([': ', ': ', ':', ' : '])}{self.inline(depth - 1)}"
                for _ in range(rng.randint(0, 3))
            ]
            return "{" + rng.choice([", ", ",", " , "]).join(entries) + "}"
        return self.scalar()

    def scalar(self) -> str:
        rng = self.rng
        plain = (
            rng.choice(SCALARS)
            if rng.random() < 0.7
            else rng.choice(["web", "a b", "v1.2.3", "x/y:z"])
            if rng.random() < 0.4
            else "".join(rng.choice("0123456789_+-.eExob") for _ in range(rng.randint(1, 8)))
        )
        form = rng.random()
        if plain[:1] in "@`%[]{},|>&'\"?-:!*#" and rng.random() < 0.9:
            form /= 2.5  # only now and then what cannot stand there
        if form < 0.2:
            plain = "'" + plain.replace("'", "''") + "'"
        elif form < 0.4:
            plain = '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return (rng.choice(TAGS) if rng.random() < 0.06 else "") + plain


def manifest(rng: random.Random, name: str) -> str:
    """One document; `name` is its object's."""
    text = _whole(rng, name)
    while _ODD_TAG.search(text):
        text = _whole(rng, name)
    if rng.random() < 0.15:
        broken = _broken(rng, text, text.index("spec:") + 5)
        text = text if _ODD_TAG.search(broken) else broken
    if rng.random() < 0.05:
        text += rng.choice(["...\n", "...\n# end\n", "# end", "\n\n", "...\nmore: x\n"])
    return text


# A tag that goes on with commas or brackets: go-yaml alone reads it within braces, or refuses it there; nobody writes one.
_ODD_TAG: Final = re.compile(r"![^\s]*[\[\],{}]")


def _whole(rng: random.Random, name: str) -> str:
    spec = Writer(rng).spec()
    return "\n".join([f"apiVersion: e.com/v1\nkind: T\nmetadata: {{name: {name}}}\nspec:", *spec]) + "\n"


def _broken(rng: random.Random, text: str, begin: int) -> str:
    """With characters that were typed too often, or not at all."""
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(begin, len(text) + 1)
        text = text[:at] + rng.choice([rng.choice(BREAKS), "", rng.choice(BREAKS) * 2]) + text[at + rng.randint(0, 2) :]
    return text


def file(rng: random.Random, name: str) -> bytes:
    """A file of one document or several, as editors and programs write them."""
    names = [f"{name}-{number}" for number in range(rng.choice([1, 1, 1, 2, 3]))]
    between = rng.choice(["---\n", "---\n", "--- # remark\n", "---  \n", "---\n---\n", "---\n# remark\n---\n"])
    text = (
        rng.choice(["", "", "", "---\n", "# remark\n", "\n", "# remark\n---\n", "%YAML 1.1\n---\n"])
        if rng.random() < 0.3
        else ""
    )
    text += between.join(manifest(rng, each) for each in names)
    if rng.random() < 0.06:
        text = text.replace("\n", "\r\n")
    data = text.encode("utf-8", "surrogatepass")
    form = rng.random()
    if form < 0.03:
        return b"\xef\xbb\xbf" + data
    if form < 0.05:
        return text.encode("utf-16")
    if form < 0.07:
        at = rng.randrange(data.rindex(b"spec:") + 5, len(data))
        return data[:at] + rng.choice([b"\xff", b"\xc3", b"\xed\xa0\x80"]) + data[at:]
    return data


def without_label(value: Any) -> Any:
    """A body without the label that the oracle puts on."""
    return {key: each for key, each in value.items() if key != "metadata"}
