"""Options that several commands share, and settings from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.model import Misuse, Policy

if TYPE_CHECKING:
    from auditor.publish.text import Look
    from auditor.settings import Settings


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


class FailOn(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"


Desired = Annotated[
    list[str] | None,
    typer.Option(
        "--desired", metavar="SOURCE", help="Folder, file, - or git URL with @revision and //folder. Repeatable."
    ),
]
Live = Annotated[
    str | None,
    typer.Option("--live", metavar="SOURCE", help="context:NAME, in-cluster, or a file or folder of objects."),
]
LiveComplete = Annotated[
    bool,
    typer.Option(
        "--live-complete", help="The file given to --live holds the whole cluster: what is not in it is absent."
    ),
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="NAME", help="Name of the cluster in what is reported.")
]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Kubeconfig for context:NAME.")]
Namespaces = Annotated[
    list[str] | None,
    typer.Option("--namespace", "-n", metavar="NAME", help="Audit only this namespace. Repeatable."),
]
Select = Annotated[
    str | None,
    typer.Option("--select", metavar="IDS", help="Judge only by these policies (ids or names, with commas)."),
]
Ignore = Annotated[str | None, typer.Option("--ignore", metavar="IDS", help="Leave these policies out.")]
Fail = Annotated[
    FailOn | None, typer.Option("--fail-on", help="Least severity that makes the exit code 1. [default: error]")
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Judge as of this moment (RFC 3339), for dumps and replays.")
]
Incomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="What could not be read does not make the exit code 4.")
]
Form = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings", metavar="FILE", envvar="AUDITOR_SETTINGS", help="Settings file (YAML); see docs/settings.md."
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help="Where history is kept: sqlite:///FILE or postgresql://USER@HOST/NAME."
    ),
]
ShowIgnored = Annotated[
    bool, typer.Option("--show-ignored", help="Also show differences that do not count, with the reason.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Say more, and show where a fault came from.")]
All = Annotated[bool, typer.Option("--all", help="Print every row, however many.")]


def load_settings(file: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the file, the environment and flags. Raises `Misuse`."""
    from auditor.settings import load

    text = None
    if file is not None:
        try:
            text = file.read_bytes()
        except OSError as error:
            raise Misuse(
                f"settings file {file}: {error.strerror}", remedy="name a file that can be read with --settings"
            ) from None
    return load(text, str(file or "settings"), os.environ, flags)


def sources_settings(
    file: Path | None,
    *,
    desired: Sequence[str] | None = None,
    live: str | None = None,
    complete: bool = False,
    cluster: str | None = None,
    kubeconfig: Path | None = None,
    namespaces: Sequence[str] | None = None,
    select: str | None = None,
    ignore: str | None = None,
    fail_on: FailOn | None = None,
    database: str | None = None,
) -> Settings:
    """Settings with what the flags of `audit` and `diff` say over them."""
    flags: dict[str, Any] = {
        "cluster": {
            "live": live,
            "complete": True if complete else None,
            "name": cluster,
            "kubeconfig": kubeconfig,
            "namespaces": tuple(namespaces) if namespaces else None,
        },
        "audit": {
            "select": names(select) or None,
            "ignore": names(ignore) or None,
            "fail_on": fail_on.value if fail_on else None,
        },
        "store": {"url": database},
    }
    if desired:
        from auditor.desired import parse_source

        flags["sources"] = tuple(parse_source(text) for text in desired)
    return load_settings(file, flags)


def names(text: str | None) -> tuple[str, ...]:
    """The items of a comma-separated option."""
    return tuple(item.strip() for item in (text or "").split(",") if item.strip())


def moment(text: str | None) -> datetime | None:
    """A time from RFC 3339 text; without a zone it is UTC. Raises `Misuse`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misuse(f"--at: {text!r} is no time", remedy="give it as 2026-08-22T10:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def chosen(select: Sequence[str], ignore: Sequence[str]) -> tuple[Policy, ...]:
    """The policies to judge by. Raises `Misuse` for a name that is none."""
    from auditor.compliance import choose, load_catalogue

    return choose(load_catalogue(), select, ignore)


def look(whole: bool = False) -> Look:
    """How to print on this stdout."""
    from auditor.publish import text

    return text.look(sys.stdout, whole=whole)


def say(text: str) -> None:
    """Text to stdout, whatever its encoding."""
    from auditor.publish.text import show

    show(text, sys.stdout)


def write(data: bytes) -> None:
    """Bytes to stdout, with a line end."""
    sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
    sys.stdout.buffer.flush()
