"""Options that several commands share, and settings from them."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

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


Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, or - for standard input.")]
SomePaths = Annotated[list[str] | None, typer.Argument(metavar="PATH", help="Files, folders, or -.")]
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
ExplainScore = Annotated[
    bool, typer.Option("--explain-score", help="Also say why the score is what it is, and what would gain most.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Say more, and show where a fault came from.")]
All = Annotated[bool, typer.Option("--all", help="Print every row, however many.")]


@dataclass(frozen=True, slots=True)
class Sides:
    """Which two sides, and where the settings are: the options of every command that reads git and a cluster."""

    desired: Desired = None
    live: Live = None
    live_complete: LiveComplete = False
    cluster: Cluster = None
    kubeconfig: Kubeconfig = None
    namespace: Namespaces = None
    settings: SettingsFile = None

    def flags(self) -> dict[str, Any]:
        """What they say, nested as the settings file is."""
        found: dict[str, Any] = {
            "cluster": {
                "live": self.live,
                "complete": True if self.live_complete else None,
                "name": self.cluster,
                "kubeconfig": self.kubeconfig,
                "namespaces": tuple(self.namespace) if self.namespace else None,
            }
        }
        if self.desired:
            from auditor.desired import parse_source

            found["sources"] = tuple(parse_source(text) for text in self.desired)
        return found


@dataclass(frozen=True, slots=True)
class Judging:
    """Which policies, and what counts as a failure: the options of every command that judges."""

    select: Select = None
    ignore: Ignore = None
    fail_on: Fail = None

    def flags(self) -> dict[str, Any]:
        """What they say, nested as the settings file is."""
        return {
            "audit": {
                "select": names(self.select) or None,
                "ignore": names(self.ignore) or None,
                "fail_on": self.fail_on.value if self.fail_on else None,
            }
        }


@dataclass(frozen=True, slots=True)
class Printing:
    """How to print the one result of a command."""

    output: Form = Output.TEXT
    show_all: All = False
    debug: Debug = False

    def show(self, form: Callable[[], object], text: Callable[[Look], str]) -> None:
        """Prints one of the two on stdout; only the one that is asked for is made."""
        if self.output is Output.JSON:
            from auditor.publish.encoding import dumps

            write(dumps(form()))
        else:
            say(text(look(self.show_all)))


def spread(command: Callable[..., int]) -> Callable[..., int]:
    """The command with an option for each field of the dataclasses among its parameters: typer knows single options only."""
    groups: dict[str, Any] = {}
    flat: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if not is_dataclass(parameter.annotation):
            flat.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = parameter.annotation
        hints = get_type_hints(parameter.annotation, include_extras=True)
        flat += [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
            for one in fields(parameter.annotation)
        ]

    def called(**given: Any) -> int:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        return command(**given)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {one.name: one.annotation for one in flat}
    called.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    return called


def stored(database: str | None, cluster: str | None = None) -> dict[str, Any]:
    """What `--database` and `--cluster` say, nested as the settings file is."""
    return {"store": {"url": database}, "cluster": {"name": cluster}}


def load_settings(file: Path | None, *flags: Mapping[str, Any]) -> Settings:
    """Settings from the file, the environment and flags; later flags win. Raises `Misuse`."""
    from auditor.settings import load

    text = None
    if file is not None:
        try:
            text = file.read_bytes()
        except OSError as error:
            raise Misuse(
                f"settings file {file}: {error.strerror}", remedy="name a file that can be read with --settings"
            ) from None
    said: dict[str, Any] = {}
    for each in flags:
        for part, values in each.items():
            said[part] = {**said.get(part, {}), **values} if isinstance(values, Mapping) else values
    return load(text, str(file or "settings"), os.environ, said)


def names(text: str | None) -> tuple[str, ...]:
    """The items of a comma-separated option."""
    return tuple(item.strip() for item in (text or "").split(",") if item.strip())


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    write_as_is(data if data.endswith(b"\n") else data + b"\n")


def write_as_is(data: bytes) -> None:
    """Bytes to stdout."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
