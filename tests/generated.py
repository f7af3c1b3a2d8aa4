"""Files that are generated from the code: `python -m tests.generated [--write]`.

Without `--write` it names each that is stale and exits 1; `tests/test_generated.py` does the same.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from auditor.model import Drift, Ref, Snapshot

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Generated from the code by `make docs`; a test fails when it is stale. -->\n\n"


def policies_page() -> str:
    from auditor.compliance import load_catalogue
    from auditor.compliance.catalogue_page import catalogue_markdown
    from auditor.compliance.lessons import MOMENT
    from auditor.drift import compare

    def drift(desired: Snapshot, live: Snapshot) -> Mapping[Ref, Drift]:
        return {one.ref: one for one in compare(desired, live, at=MOMENT).drift}

    return catalogue_markdown(load_catalogue(), drift, (ROOT / "policies" / "practices.md").read_text().strip())


def metrics_page() -> str:
    from auditor.publish.metrics import metrics_markdown

    return metrics_markdown()


def settings_page() -> str:
    from auditor.settings import PREFIX, every_setting

    rows = ["| setting | environment | default | what it says |", "|---|---|---|---|"]
    seen = set()
    for path, field in every_setting():
        name = ".".join(path)
        if name in seen:
            continue
        seen.add(name)
        in_file_only = path[0] == "sources"
        dotted = name.replace("sources.", "sources[].", 1) if in_file_only else name
        variable = "(file only)" if in_file_only else f"`{PREFIX}{'__'.join(path).upper()}`"
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        rows.append(f"| `{dotted}` | {variable} | {default} | {field.description}{_choices(field.annotation)} |")
    return (
        "# Settings\n\n"
        + NOTE
        + "A YAML file (`--settings FILE` or `AUDITOR_SETTINGS`) < environment < flags. Unknown keys are refused, with the line and\n"
        "what was probably meant. Lists in the environment are separated by commas. `auditor config check FILE` reads a file and\n"
        "says every fault; `auditor config schema` prints its JSON Schema.\n\n" + "\n".join(rows) + "\n"
    )


def _default(value: Any) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _choices(annotation: Any) -> str:
    if str(get_origin(annotation)) != "typing.Literal":
        return ""
    values = [str(value) for value in get_args(annotation)]
    return f" One of {', '.join(f'`{value}`' for value in values)}." if len(values) > 1 else ""


def commands_page() -> str:
    from typer.main import get_command

    from auditor.cli import (
        app,
        baseline,
        catalogue,
        check,
        doctor,
        evaluate,
        manifests,
        memory,
        serving,
        stored,
        waivers,
    )

    assert all((baseline, catalogue, check, doctor, evaluate, manifests, memory, serving, stored, waivers))
    parts = [
        "# Commands\n\n"
        + NOTE
        + "Exit codes: 2 usage or settings, 3 could not run, 4 incomplete, 1 findings or drift, 0.\n"
    ]

    def add(command: Any, name: str, parent: Any = None) -> None:
        context = command.make_context(name, [], resilient_parsing=True, parent=parent)
        inner = getattr(command, "commands", {})
        if not inner or parent is None:
            context.terminal_width = 110
            parts.append(f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n")
        for child in sorted(inner):
            add(inner[child], child, context)

    add(get_command(app), "auditor")
    return "\n".join(parts)


def readme() -> str:
    """README.md with what `auditor demo --once` prints between its marks; the time of the fetch, which is now, left out."""
    command = [str(Path(sys.executable).parent / "auditor"), "demo", "--once"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    said = re.sub(r", fetched .*", "", said).rstrip()
    drift, _, more = said.partition("\nWaiting: ")
    said = (
        f"{drift}\n… what waits, the worst findings with file and line, what is not known …\n\n"
        + more[more.index("Score by") :]
    )
    before, begin, rest = (ROOT / "README.md").read_text().partition("<!-- demo: begin -->\n")
    _, end, after = rest.partition("<!-- demo: end -->")
    return f"{before}{begin}```\n{said}\n```\n{end}{after}"


def security_page() -> str:
    """docs/security.md with the table of the hostile corpus between its marks."""
    from tests.desired.hostile import table

    before, begin, rest = (ROOT / "docs" / "security.md").read_text().partition("<!-- corpus: begin -->\n")
    _, end, after = rest.partition("<!-- corpus: end -->")
    return f"{before}{begin}{table()}{end}{after}"


def files() -> Mapping[str, Callable[[], str]]:
    from auditor.publish.schema import schemas

    return {
        "README.md": readme,
        "docs/policies.md": policies_page,
        "docs/metrics.md": metrics_page,
        "docs/settings.md": settings_page,
        "docs/commands.md": commands_page,
        "docs/security.md": security_page,
        **{f"docs/schema/{name}.json": (lambda text=text: text) for name, text in schemas().items()},
    }


def stale() -> list[str]:
    """Names of generated files that are not what the code would write now."""
    return [name for name, made in files().items() if not (ROOT / name).exists() or (ROOT / name).read_text() != made()]


def main() -> int:
    if "--write" not in sys.argv:
        for name in stale():
            print(f"{name} is stale. mend: make docs", file=sys.stderr)
        return 1 if stale() else 0
    for name, made in files().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made())
    return 0


if __name__ == "__main__":
    sys.exit(main())
