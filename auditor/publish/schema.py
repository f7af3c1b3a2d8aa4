"""JSON Schema of every `-o json` form, made from the types in `forms`. Out: `docs/schema/*.json`, written by `make docs`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from auditor.publish import forms

FORMS: Final[Mapping[str, Any]] = {
    "audit": forms.AuditForm,
    "check": forms.CheckForm,
    "diff": forms.DiffForm,
    "manifests": forms.ManifestsForm,
    "policies": forms.PoliciesForm,
}


def schemas() -> Mapping[str, bytes]:
    """File name -> JSON text of the schema (draft 2020-12), indented, keys in order."""
    from pydantic import TypeAdapter

    made = {}
    for name, form in FORMS.items():
        schema = TypeAdapter(form).json_schema(mode="serialization")
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = f"auditor {name} -o json, version 1"
        made[f"{name}.json"] = orjson.dumps(
            schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        )
    return made


def write(folder: Path) -> tuple[Path, ...]:
    """Write every schema into the folder (made where it is not there); returns the files whose text changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in schemas().items():
        file = folder / name
        if not file.exists() or file.read_bytes() != text:
            file.write_bytes(text)
            changed.append(file)
    return tuple(changed)
