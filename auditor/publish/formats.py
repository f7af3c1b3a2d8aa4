"""A check in the words of other programs: the name of a format and a `Listed` in, bytes out. Each format is loaded when it is asked for."""

from __future__ import annotations

from auditor.compliance import Explained
from auditor.publish.listed import Listed


def _known(listed: Listed) -> list[str]:
    return [item.fingerprint for item in listed.items if item.status == "known"]


def rendered(form: str, listed: Listed, *, compared: bool = False, why: Explained | None = None) -> bytes:
    """`form`: json, sarif, junit, markdown, github, gitlab or csv. `compared`: a baseline was given; `why`: of the score, for JSON."""
    match form:
        case "json":
            from auditor.publish import jsonform

            whole = jsonform.check_form(listed.audit, _known(listed) if compared else None)
            if why is not None:
                whole["explained"] = jsonform.explained_form(why)
            return jsonform.dumps(whole)
        case "sarif":
            from auditor.publish import sarif

            return sarif.document(listed, compared=compared)
        case "junit":
            from auditor.publish import junit

            return junit.document(listed)
        case "markdown":
            from auditor.publish import check_tables

            return check_tables.markdown(listed)
        case "csv":
            from auditor.publish import check_tables

            return check_tables.csv_rows(listed)
        case "github":
            from auditor.publish import annotations

            return annotations.github(listed)
        case "gitlab":
            from auditor.publish import annotations

            return annotations.gitlab(listed)
    raise ValueError(form)
