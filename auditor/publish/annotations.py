"""What GitHub and GitLab show beside the lines of a change: a `Listed` in, workflow commands or a code-quality report out.

GitHub: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands. GitLab:
https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format. Only what is open is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from auditor.model import Severity
from auditor.publish.encoding import dumps
from auditor.publish.foreign import visible
from auditor.publish.listed import Item, Listed

_COMMANDS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}
_GITLAB: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "critical",
    Severity.WARNING: "major",
    Severity.INFO: "info",
}


def github(listed: Listed) -> bytes:
    """One command a line. Nothing a manifest says can end a command or begin another: `%`, line ends, `:` and `,` are escaped."""
    return "".join(_command(listed, item) + "\n" for item in listed.open).encode("utf-8", "backslashreplace")


def gitlab(listed: Listed) -> bytes:
    """A JSON list; empty where nothing was found."""
    return dumps(
        [
            {
                "description": _said(item),
                "check_name": f"{item.code} {item.name}".rstrip(),
                "fingerprint": item.fingerprint,
                "severity": _GITLAB[item.severity],
                "location": {
                    "path": visible(listed.file(item.place)) if item.place else "",
                    "lines": {"begin": item.place.line if item.place else 1},
                },
            }
            for item in listed.open
        ],
        indent=True,
    )


def _command(listed: Listed, item: Item) -> str:
    said: dict[str, str] = {}
    if item.place:
        said = {"file": listed.file(item.place), "line": str(item.place.line), "col": str(item.place.column)}
    said["title"] = f"{item.code} {item.name}".rstrip()
    properties = ",".join(f"{name}={_property(visible(value))}" for name, value in said.items())
    message = _said(item) + (f"\nMend: {visible(item.remedy)}" if item.remedy else "")
    return f"::{_COMMANDS[item.severity]} {properties}::{_data(message)}"


def _said(item: Item) -> str:
    return f"{visible(str(item.ref))}: {visible(item.message)}" if item.ref else visible(item.message)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
