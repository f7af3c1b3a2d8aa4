"""How `auditor diff` prints: its options, and the one result in the form that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from auditor.cli import options
from auditor.model import Audit


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    MARKDOWN = "markdown"
    UNIFIED = "unified"


Form = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
Context = Annotated[
    int,
    typer.Option("--context-lines", min=0, max=1000, metavar="N", help="Unchanged lines around a change in a text."),
]


@dataclass(frozen=True, slots=True)
class Printing:
    """How to print drift."""

    output: Form = Output.TEXT
    context_lines: Context = 3
    show_all: options.All = False
    debug: options.Debug = False

    def show(self, result: Audit) -> None:
        """On stdout."""
        if self.output is Output.TEXT:
            from auditor.publish import text

            options.say(text.diff_text(result, options.look(self.show_all), context=self.context_lines))
        else:
            from auditor.publish.diff_formats import rendered

            options.write_as_is(rendered(self.output.value, result, context=self.context_lines))
