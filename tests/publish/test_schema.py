"""docs/schema: current, and true of what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from auditor.publish import jsonform, schema
from tests.publish import sample

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
FORMS = {"audit": jsonform.audit_form, "check": jsonform.check_form, "diff": jsonform.diff_form}


@pytest.mark.parametrize("name", schema.FORMS)
def test_the_schema_file_is_current(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    assert text == schema.schemas()[name], f"docs/schema/{name}.json is stale: run make docs"


def valid(name: str, form: object) -> None:
    made = json.loads(schema.schemas()[name])
    Draft202012Validator.check_schema(made)
    Draft202012Validator(made).validate(json.loads(jsonform.dumps(form)))


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("audit", [sample.AUDIT, sample.NOTHING, *map(sample.hostile, sample.NASTY[:3])])
def test_what_is_printed_fits_its_schema(name: str, audit: sample.Audit) -> None:
    valid(name, FORMS[name](audit))


def test_manifests_and_policies_fit_their_schema() -> None:
    valid("manifests", jsonform.manifests_form(sample.SNAPSHOT))
    valid("policies", jsonform.policies_form(sample.POLICIES))


def test_a_renamed_field_does_not_fit() -> None:
    form = dict(jsonform.audit_form(sample.AUDIT))
    form["judgements"] = form.pop("verdicts")
    made = json.loads(schema.schemas()["audit"])
    assert not Draft202012Validator(made).is_valid(json.loads(jsonform.dumps(form)))
