"""JSON Schema of every `-o json` form, made from the types in `forms`. Out: texts of `docs/schema/*.json`, which `make docs` writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from auditor.publish import forms

FORMS: Final[Mapping[str, Any]] = {
    "audit": forms.AuditForm,
    "check": forms.CheckForm,
    "diff": forms.DiffForm,
    "manifests": forms.ManifestsForm,
    "manifests-mend": forms.MendsForm,
    "policies": forms.PoliciesForm,
    "waivers": forms.WaiversForm,
    "history": forms.HistoryForm,
    "blame": forms.BlameForm,
    "report": forms.ReportForm,
}


def schemas() -> Mapping[str, str]:
    """Name of the form -> JSON text of its schema (draft 2020-12), indented, keys in order."""
    from pydantic import TypeAdapter

    made = {}
    for name, form in FORMS.items():
        schema = TypeAdapter(form).json_schema(mode="serialization")
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = f"auditor {name} -o json, version 1"
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        made[name] = orjson.dumps(schema, option=options).decode()
    return made
