"""`-o json`: the shapes, and what may never be in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model import Sealed
from auditor.publish import jsonform
from tests.publish import sample

FORMS = (jsonform.audit_form, jsonform.check_form, jsonform.diff_form)


def test_no_secret_value_is_printed_by_any_form() -> None:
    outputs = [jsonform.dumps(form(sample.AUDIT)) for form in FORMS]
    outputs.append(jsonform.dumps(jsonform.manifests_form(sample.SNAPSHOT)))
    for output in outputs:
        assert sample.CANARY.encode() not in output
    assert b'{"redacted":true}' in outputs[0]


def test_a_secret_that_nobody_sealed_is_redacted_all_the_same() -> None:
    body = jsonform.manifests_form(sample.SNAPSHOT)["resources"][1]["body"]
    assert body["stringData"] == {"unsealed": {"redacted": True}}
    change = sample.change("data.password", sample.CANARY, {"a": sample.CANARY}, words=f"{sample.CANARY} differs")
    form = jsonform.change_form(sample.TOKEN, change)
    assert sample.CANARY not in json.dumps(form)
    assert form["desired"] == {"redacted": True}


def test_an_absent_side_of_a_secret_stays_absent() -> None:
    form = jsonform.change_form(sample.TOKEN, sample.change("data.password", None, sample.SECRET))
    assert (form["desired"], form["live"]) == (None, {"redacted": True})


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_hostile_text_in_every_field_gives_json(nasty: str) -> None:
    for form in FORMS:
        assert json.loads(jsonform.dumps(form(sample.hostile(nasty))))["version"] == 1


def test_a_byte_that_is_no_text_is_written_out() -> None:
    assert json.loads(jsonform.dumps({"a\udcff": ["\ud800b"]})) == {"a%FF": ["\\ud800b"]}


def test_integers_of_any_size_keep_their_digits() -> None:
    assert jsonform.dumps([2**70, -(2**70), True, 2**64 - 1]) == (
        b"[1180591620717411303424,-1180591620717411303424,true,18446744073709551615]\n"
    )


def test_what_is_nested_too_deep_is_cut_and_said() -> None:
    deep: object = "end"
    for _ in range(400):
        deep = [deep]
    assert b'"cut":"nested deeper than 200"' in jsonform.dumps(deep)


def test_a_sealed_value_anywhere_is_redacted_by_dumps_itself() -> None:
    assert jsonform.dumps({"x": [Sealed("k", sample.CANARY), 2**70]}) == (
        b'{"x":[{"redacted":true},1180591620717411303424]}\n'
    )


def test_an_unknown_object_is_a_fault_of_ours_and_raises() -> None:
    with pytest.raises(TypeError):
        jsonform.dumps({"x": object()})


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
        max_leaves=20,
    )
)
def test_any_json_value_survives(value: object) -> None:
    read = json.loads(jsonform.dumps(value, indent=True))
    if not any(0xD800 <= ord(c) <= 0xDFFF for c in json.dumps(value, ensure_ascii=False)):
        assert read == value


def test_times_are_utc_with_z() -> None:
    east = timezone(timedelta(hours=2))
    assert jsonform.moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=east)) == "2026-01-02T01:04:05Z"
    assert jsonform.moment(datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)) == "2026-01-02T03:04:05.000060Z"
    assert jsonform.moment(datetime(2026, 1, 2, 3, 4, 5)) == "2026-01-02T03:04:05Z"  # noqa: DTZ001 - what SQLite gives


def test_the_shapes_are_those_of_the_interface() -> None:
    form = json.loads(jsonform.dumps(jsonform.audit_form(sample.AUDIT)))
    assert list(form) == [
        "version", "at", "cluster", "sources", "coverage", "problems", "verdicts", "drift", "not_compared", "ignored", "ignored_by_rules",
        "scores",
    ]  # fmt: skip
    assert form["at"] == "2026-11-17T14:05:07Z"
    verdict = next(one for one in form["verdicts"] if one["outcome"] == "fail" and one["policy"]["id"] == "PRB001")
    assert verdict["ref"] == {
        "cluster": "prod-eu", "group": "apps", "kind": "Deployment", "namespace": "checkout", "name": "cart-api",
    }  # fmt: skip
    assert verdict["findings"][0]["place"] == {
        "source": "shop", "file": "deploy/checkout/cart-api.yaml", "line": 30, "column": 9,
    }  # fmt: skip
    drift = next(one for one in form["drift"] if one["ref"]["name"] == "cart-api" and one["kind"] == "modified")
    owner = drift["changes"][0]["owner"]
    assert owner == {
        "manager": "kubectl-edit", "operation": "Update", "subresource": "", "time": "2026-11-17T14:02:07Z",
        "class": "human", "certainty": "recorded",
    }  # fmt: skip
    assert drift["changes"][0]["window"] == {"after": "2026-11-17T14:00:07Z", "before": "2026-11-17T14:05:07Z"}
    assert form["scores"]["namespaces"][0]["team"] == "team-cart"
    assert form["scores"]["cluster"] == {"score": 78.4, "minimum": 31.0, "workloads": 3, "unknown_ratio": 0.125}


def test_nothing_judged_has_no_score() -> None:
    form = jsonform.audit_form(sample.NOTHING)
    assert form["scores"]["cluster"]["score"] is None
    assert form["coverage"]["ratio"] is None


def test_equal_audits_print_equal_bytes_whatever_the_order() -> None:
    from dataclasses import replace

    turned = replace(sample.AUDIT, verdicts=sample.AUDIT.verdicts[::-1], drift=sample.AUDIT.drift[::-1])
    for form in FORMS:
        assert jsonform.dumps(form(turned)) == jsonform.dumps(form(sample.AUDIT))


def test_check_and_diff_print_parts_of_audit_with_the_same_shapes() -> None:
    whole = jsonform.audit_form(sample.AUDIT)
    for form in (jsonform.check_form(sample.AUDIT), jsonform.diff_form(sample.AUDIT)):
        assert set(form) < set(whole)
        assert all(whole[key] == value for key, value in form.items())  # type: ignore[literal-required]
    assert "drift" not in jsonform.check_form(sample.AUDIT)
    assert "verdicts" not in jsonform.diff_form(sample.AUDIT)
