"""The written line of a finding: shown where it cannot hold a secret, masked everywhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model import Ref
from auditor.publish.excerpt import written
from tests.publish import sample

CONFIG = Ref("", "", "ConfigMap", "a", "b")


@pytest.mark.parametrize(
    ("line", "ref", "path", "shown"),
    [
        ("  password: hunter2", sample.API, "spec.x", "  password: …"),
        ("  pin: 1234", sample.API, "spec.x", "  pin: …"),
        ("          value: 1234", sample.API, "spec.template.spec.containers[name=a].env[name=PIN].value", "          value: …"),
        ("  PORT: 80", CONFIG, "data.PORT", "  PORT: …"),
        ("  port: 80", sample.TOKEN, "data.port", "  port: …"),
        ("  name: x", sample.TOKEN, "data", "  name: …"),
        ("  name: x", None, "", "  name: x"),
        ("  port: 80", None, "", "  port: …"),
        ("- --password=hunter2", sample.API, "spec.args", "- …"),
        ("  template：用模板 hunter2", None, "", "  template…"),
        ("- name hunter2", None, "", "- name…"),
        ("hunter2", sample.API, "spec", "…"),
        ("- {name: PW, value: hunter2}", sample.API, "spec", "- …"),
        ("env: [{name: PW, value: hunter2}]", sample.API, "spec.x", "env: …"),
        ("image: https://me:hunter2@host/x", sample.API, "spec.image", "image: …"),
        ("image: nginx:latest # hunter2", sample.API, "spec.image", "image: nginx:latest"),
        ("name: {a: hunter2}", sample.API, "spec.x", "name: …"),
        ("text: |", sample.API, "spec", "text: …"),
        ("  memory: 512Mi", sample.API, "spec.x.limits.memory", "  memory: 512Mi"),
        ("  privileged: true", sample.API, "spec.x", "  privileged: true"),
        ("- - name: api", sample.API, "spec.x", "- - name: api"),
        ("\tname: x", None, "", "→name: x"),
        ("spec:", sample.API, "spec", "spec:"),
    ],
)  # fmt: skip
def test_a_value_is_shown_only_where_it_cannot_be_secret(line: str, ref: Ref | None, path: str, shown: str) -> None:
    assert written(line, 1, ref, path)[0] == shown


def test_the_caret_stands_under_the_column() -> None:
    shown, caret = written("      - name: api", 9, sample.API, "spec")
    assert shown[caret:] == "name: api"


def test_no_caret_stands_under_what_is_not_shown() -> None:
    assert written("  key: hunter2hunter2", 18, sample.API, "spec")[1] == -1


@given(st.text(), st.sampled_from(["", "  ", "- ", "\t"]), st.sampled_from(["value", "password", "data", "url"]))
def test_no_value_of_a_key_that_is_not_known_is_ever_shown(value: str, lead: str, key: str) -> None:
    secret = "S3cr3t" + value
    assert "S3cr3t" not in written(f"{lead}{key}: {secret}", 1, sample.API, "spec")[0]
    if not value.startswith(":"):  # or it is a key itself
        assert "S3cr3t" not in written(f"{lead}{secret}", 1, sample.API, "spec")[0]
