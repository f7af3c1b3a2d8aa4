"""`policies` and `explain`: the catalogue, read aloud."""

from __future__ import annotations

from typing import Annotated

import typer

from auditor.cli import app, options


@app.command()
def policies(output: options.Form = options.Output.TEXT) -> int:
    """List every policy: id, name, practice, severity, what it wants."""
    from auditor.compliance import load_catalogue
    from auditor.publish import jsonform, text

    catalogue = load_catalogue()
    if output is options.Output.JSON:
        options.write(jsonform.dumps(jsonform.policies_form(catalogue)))
    else:
        options.say(text.policies_text(catalogue, options.look()))
    return 0


@app.command()
def explain(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Id or name, such as POD001 or bare-pod.")],
) -> int:
    """Say what a policy wants and why, and how to waive it."""
    from auditor.compliance import choose, examples, load_catalogue
    from auditor.exemptions import PREFIX
    from auditor.publish import text

    (found,) = choose(load_catalogue(), (policy,), ())
    good, bad = examples(found)
    waiver = f'metadata:\n  annotations:\n    {PREFIX}{found.id}: "reason=…; until=YYYY-MM-DD; by=…"\n'
    options.say(text.explain_text(found, bad, good, options.look(), waiver))
    return 0
