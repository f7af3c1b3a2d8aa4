"""`policies` and `explain`: the catalogue, read aloud."""

from __future__ import annotations

from typing import Annotated

import typer

from auditor.cli import app, options
from auditor.model import Drift, Outcome, Ref, Snapshot


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
    """Say what a policy wants and why, what fails and what passes, and how to mend and how to waive it."""
    from auditor.compliance import choose, load_catalogue
    from auditor.compliance.frameworks import touched
    from auditor.compliance.lessons import MOMENT, lessons
    from auditor.drift import compare
    from auditor.exemptions import PREFIX
    from auditor.publish import text

    def drift(desired: Snapshot, live: Snapshot) -> dict[Ref, Drift]:
        return {one.ref: one for one in compare(desired, live, at=MOMENT).drift}

    (found,) = choose(load_catalogue(), (policy,), ())
    good, bad = lessons(found, drift)
    options.say(
        text.explain_text(
            found,
            bad.text,
            good.text,
            options.look(),
            f'metadata:\n  annotations:\n    {PREFIX}{found.id}: "reason=…; until=YYYY-MM-DD; by=…"\n',
            fails=[f"line {one.line}: {one.words}" for one in bad.said if one.outcome is Outcome.FAIL],
            passes=[f"{one.ref}: {one.outcome}" + (f" ({one.words})" if one.words else "") for one in good.said],
            frameworks=[f"{one.framework} ({one.edition}): {', '.join(one.controls)}" for one in touched(found)],
        )
    )
    return 0
