"""No value of a Secret gets past `seal`, in whatever shape it comes; what rules and drift need of it does."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.secrets import (
    LAST_APPLIED,
    Key,
    from_json,
    is_secret,
    is_sensitive,
    key_of,
    mark,
    new_key,
    seal,
    to_json,
)
from auditor.model import Sealed

KEY = new_key()
CANARY = "C4NARY-7h15-15-53cr37"
ENCODED = base64.b64encode(CANARY.encode()).decode()


def secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, **parts}


def annotated(**annotations: Any) -> dict[str, Any]:
    return secret(data={"p": ENCODED}, metadata={"name": "db", "annotations": annotations})


def telling(**annotations: Any) -> dict[str, Any]:
    """A Secret whose annotations hold a value that it does not hold itself: a former one."""
    return secret(data={"p": "b3RoZXI="}, metadata={"name": "db", "annotations": annotations})


def leaks(sealed: Any) -> bool:
    said = repr(sealed) + to_json(sealed).decode() + str(sealed)
    return any(text in said for text in (CANARY, ENCODED, CANARY[:12], ENCODED[:16]))


SHAPES: dict[str, Any] = {
    "data": secret(data={"p": ENCODED}),
    "stringData": secret(stringData={"p": CANARY}),
    "data that is no base64": secret(data={"p": CANARY}),
    "a list under data": secret(data={"p": [CANARY, {"x": CANARY}]}),
    "a map under data": secret(data={"p": {"q": {"r": CANARY}}}),
    "data that is a list": secret(data=[CANARY]),
    "data that is text": secret(data=CANARY),
    "stringData that is a list of maps": secret(stringData=[{"name": "p", "value": CANARY}]),
    "a value beside data": secret(password=CANARY),
    "data in the wrong case": secret(Data={"p": ENCODED}),
    "stringdata": secret(stringdata={"p": CANARY}),
    "spec": secret(spec={"data": {"p": CANARY}}),
    "data below metadata": secret(metadata={"name": "db", "data": {"p": CANARY}}),
    "labels that are nested": secret(metadata={"name": "db", "labels": {"data": {"p": CANARY}}}),
    "a type that is a map": secret(type={"p": CANARY}),
    "a name that is a list": secret(metadata={"name": [CANARY]}),
    "metadata that is text": secret(metadata=CANARY),
    "finalizers that are maps": secret(metadata={"name": "db", "finalizers": [{"p": CANARY}]}),
    "owners that hold maps": secret(metadata={"name": "db", "ownerReferences": [{"p": {"q": CANARY}}, CANARY]}),
    "kind in lower case": secret(data={"p": ENCODED}) | {"kind": "secret"},
    "a misspelt kind": secret(stringData={"p": CANARY}) | {"kind": "Secert"},
    "a misspelt kind with a type": secret(type="Opaque", data={"p": ENCODED}) | {"kind": "Secert"},
    "another group": secret(data={"p": ENCODED}) | {"apiVersion": "v2"},
    "a list": {
        "apiVersion": "v1",
        "kind": "List",
        "items": [secret(data={"p": ENCODED}), secret(stringData={"p": CANARY})],
    },
    "a typed list": {"apiVersion": "v1", "kind": "SecretList", "items": [{"data": {"p": ENCODED}}, CANARY]},
    "last applied": annotated(**{LAST_APPLIED: json.dumps(secret(data={"p": ENCODED}, stringData={"q": CANARY}))}),
    "last applied, cut off": annotated(**{LAST_APPLIED: json.dumps(secret(data={"p": ENCODED}))[:-9]}),
    "last applied that is a map": annotated(**{LAST_APPLIED: secret(data={"p": ENCODED})}),
    "last applied that is a list": annotated(**{LAST_APPLIED: json.dumps([CANARY])}),
    "last applied that is text": annotated(**{LAST_APPLIED: json.dumps(CANARY)}),
    "last applied within last applied": annotated(
        **{LAST_APPLIED: json.dumps(annotated(**{LAST_APPLIED: json.dumps(secret(stringData={"p": CANARY}))}))}
    ),
    "last applied with nested labels": annotated(
        **{LAST_APPLIED: json.dumps(secret(metadata={"labels": {"a": {"b": CANARY}}}))}
    ),
    "an annotation with the value": annotated(note=CANARY),
    "an annotation with the value within": annotated(note=f"the password is {CANARY}!"),
    "an annotation with the value encoded": annotated(note=ENCODED),
    "an annotation that encodes the value": secret(
        stringData={"p": CANARY}, metadata={"name": "db", "annotations": {"note": "x " + ENCODED}}
    ),
    "an annotation with a copy": telling(**{"tool.io/original": "H4sI" + CANARY, "x/last-applied": CANARY}),
    "an annotation in JSON": telling(note=json.dumps({"p": CANARY})),
    "an annotation that is a map": annotated(note={"p": CANARY}),
    "annotations that are a list": secret(metadata={"name": "db", "annotations": [CANARY]}),
    "managed fields with values": secret(
        metadata={
            "name": "db",
            "managedFields": [
                {"manager": "x", "fieldsV1": {"f:data": {"f:p": CANARY, f'v:"{CANARY}"': {}}}},
                {"manager": {"x": CANARY}, "fieldsV1": CANARY},
                CANARY,
            ],
        }
    ),
    "a number that is long": secret(stringData={"p": CANARY}, metadata={"name": "db", "annotations": {"n": CANARY}}),
    "a cloud of keys": secret(
        **{name: {"p": CANARY} for name in ("sops", "template", "encryptedData", "items", "status")}
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_leaks(shape: str) -> None:
    assert leaks(SHAPES[shape])  # as it comes in, it would
    before = copy.deepcopy(SHAPES[shape])
    sealed = seal(SHAPES[shape], KEY)
    assert not leaks(sealed)
    assert SHAPES[shape] == before


_VALUES = st.recursive(
    st.just(CANARY) | st.just(ENCODED) | st.just(f"x {CANARY} y") | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "data", "name", "metadata", "f:x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_FIELDS = ["data", "stringData", "type", "immutable", "spec", "metadata", "kind", "x", "apiVersion", "items"]


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64, [2**70]])
def test_an_integer_of_any_size_is_sealed(number: Any) -> None:
    sealed = seal({**secret(), "data": {"a": number}}, KEY)
    assert isinstance(sealed["data"]["a"], Sealed)


@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=5), st.dictionaries(st.sampled_from(["labels", "annotations", "managedFields", "ownerReferences", "finalizers", "name", "x"]), _VALUES, max_size=4))  # fmt: skip
def test_no_random_shape_leaks_from_where_values_stand(parts: dict[str, Any], metadata: dict[str, Any]) -> None:
    values = {name: part for name, part in parts.items() if name in ("data", "stringData", "spec", "x", "items")}
    sealed = seal({**secret(), **values, "metadata": {"name": "db", **{k: v for k, v in metadata.items() if k in ("annotations", "managedFields", "x")}}}, KEY)  # fmt: skip
    # An annotation that repeats a value is sealed only where the value is known.
    if any(CANARY in repr(each) or ENCODED in repr(each) for each in values.values()) or not isinstance(
        metadata.get("annotations"), dict
    ):
        assert not leaks(sealed)


@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=6))
def test_nothing_but_secrets_is_touched(parts: dict[str, Any]) -> None:
    body = {**parts, "apiVersion": "v1", "kind": "ConfigMap"}
    body.pop("stringData", None)
    body.pop("type", None)
    assert seal(body, KEY) is body


def test_names_types_and_harmless_annotations_stay() -> None:
    body = secret(
        type="Opaque",
        immutable=True,
        data={"p": ENCODED, "q": None},
        metadata={
            "name": "db",
            "namespace": "shop",
            "labels": {"app": "db"},
            "annotations": {"gitops-auditor.io/waive": "CFG005", "note": "short"},
            "creationTimestamp": None,
            "managedFields": [{"manager": "kubectl", "operation": "Update", "time": "2024-01-01T00:00:00Z", "fieldsV1": {"f:data": {".": {}, "f:p": {}}}}],
        },
    )  # fmt: skip
    sealed = seal(body, KEY)
    assert sealed["metadata"] == body["metadata"]
    assert (sealed["type"], sealed["immutable"], list(sealed["data"])) == ("Opaque", True, ["p", "q"])


def test_last_applied_keeps_the_names_of_fields() -> None:
    applied = secret(data={"p": ENCODED}, type="Opaque", metadata={"name": "db", "labels": {"app": "x"}})
    sealed = seal(annotated(**{LAST_APPLIED: json.dumps(applied)}), KEY)
    assert orjson.loads(sealed["metadata"]["annotations"][LAST_APPLIED]) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "db", "labels": {"app": None}},
        "data": {"p": None},
    }


def test_the_mark_is_that_of_the_bytes_however_they_are_written() -> None:
    plain = seal(secret(stringData={"p": "hunter2"}), KEY)["stringData"]["p"]
    encoded = seal(secret(data={"p": "aHVudGVy\nMg==\n"}), KEY)["data"]["p"]
    assert plain.same_as(encoded) is True
    assert plain.same_as(mark("hunter3", KEY)) is False
    assert plain.same_as(mark("hunter2", new_key())) is None


def test_null_and_empty_are_the_same() -> None:
    values = seal(secret(data={"a": None, "b": ""}, stringData={"c": "", "d": None}), KEY)
    every = [*values["data"].values(), *values["stringData"].values()]
    assert {each.mark for each in every} == {mark("", KEY).mark}
    assert all("empty" in each.facts for each in every)


def fact(value: Any, *, encoded: bool = False) -> set[str]:
    return set(mark(value, KEY, encoded=encoded).facts)


@pytest.mark.parametrize("value", ["a", "aGk", "aGk=x", "not base64!", "aGV8="])
def test_what_is_no_base64_is_invalid_and_still_has_a_mark(value: str) -> None:
    assert "invalid" in fact(value, encoded=True)
    assert mark(value, KEY, encoded=True).mark == mark(value, KEY).mark


@pytest.mark.parametrize("value", [5, True, 1.5, ["a"], {"a": 1}, 2**63])
def test_what_is_no_text_is_invalid(value: Any) -> None:
    assert "invalid" in fact(value)


@pytest.mark.parametrize("value", ["CHANGEME", "change-me", "<password>", "${DB_PASSWORD}", "{{ .Values.x }}", "xxxx", "TODO", "<path:kv/x#y>", "REPLACE_ME", "example"])  # fmt: skip
def test_placeholders_are_known(value: str) -> None:
    assert "placeholder" in fact(value)
    assert "placeholder" in fact(base64.b64encode(value.encode()).decode(), encoded=True)


@pytest.mark.parametrize(
    "value", ["hunter2", "my-example-password", "xx", "todo-list-9", "p<a>ss", "${a}b", "changeme2"]
)
def test_what_only_contains_a_placeholder_is_none(value: str) -> None:
    assert "placeholder" not in fact(value)


def test_pem_tokens_and_sops_are_known() -> None:
    assert "pem-private" in fact("-----BEGIN RSA PRIVATE KEY-----\nx")
    assert fact("-----BEGIN CERTIFICATE-----\nx") == {"pem-public"}
    assert "token" in fact("AKIA" + "A" * 16)
    assert "token" in fact("eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + ".c")
    assert fact("plain") == set()
    assert "encrypted" in fact("ENC[AES256_GCM,data:x,type:str]", encoded=True)
    assert mark("ENC[a]", KEY).same_as(mark("ENC[a]", KEY)) is None


def test_a_sealed_value_says_nothing() -> None:
    sealed = mark(CANARY, KEY)
    assert (repr(sealed), str(sealed), f"{sealed}") == ("<sealed>",) * 3
    assert len(sealed.mark) == 32
    assert CANARY.encode() not in orjson.dumps(sealed.mark)
    assert "secret=" not in repr(KEY)
    assert mark(sealed, KEY) is sealed


def test_keys_of_one_file_have_one_id_and_others_another() -> None:
    assert key_of(b"x" * 16).id == key_of(b"x" * 16).id != key_of(b"y" * 16).id
    assert new_key().id != new_key().id
    with pytest.raises(ValueError, match="16"):
        key_of(b"short")
    assert isinstance(KEY, Key)


def test_what_is_secret() -> None:
    assert is_secret({"kind": "Secret"})
    assert not is_secret({"kind": "SealedSecret"})
    assert not is_secret({"kind": ["Secret"]})
    assert not is_secret({})


_BODIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.builds(Sealed, st.just("k"), st.text("abcdef", min_size=1), st.frozensets(st.sampled_from(["empty", "token"]))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_BODIES)
def test_bodies_cross_a_pipe_as_they_are(body: Any) -> None:
    back = from_json(to_json(body))
    assert back == body
    assert repr(back) == repr(body)


def test_nobody_can_forge_a_seal() -> None:
    forged = {"sealed": ["k", "m", []], "\\u0000sealed": ["k", "m", []]}
    assert from_json(to_json(forged)) == forged
    with pytest.raises(TypeError):
        to_json({"a": object()})


@pytest.mark.parametrize("name", ["DB_PASSWORD", "password", "db.password", "redis-password", "PGPASSWORD", "apiKey", "API_KEY", "SECRET_KEY", "authToken", "MYSQL_PWD", "REDISCLI_AUTH", "PASSPHRASE", "DB_PASS", "SIGNING_KEY", "clientSecret", "CREDENTIALS", "PASSWORDS", "GITHUB_TOKEN", "privateKey"])  # fmt: skip
def test_names_of_credentials(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", ["DB_PASSWORD_FILE", "MAX_TOKENS", "SECRETS", "AUTH_URL", "TOKEN_TTL", "PUBLIC_KEY", "KEY", "COMPASS", "BYPASS", "monkey", "", "_", "PASSWORD_MIN_LENGTH", "SECRET_NAME", "SORT_KEY"])  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not is_sensitive(name)
