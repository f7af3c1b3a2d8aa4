"""Label selectors, against the documented rules and against a second reading of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.selectors import is_empty, matches, matches_map, pairs, unmet

LABELS = {"app": "web", "tier": "front"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


def test_no_selector_matches_nothing_and_an_empty_one_everything() -> None:
    assert not matches(None, LABELS)
    assert matches({}, LABELS)
    assert matches({}, {})
    assert is_empty({})
    assert not is_empty(expression("app", "Exists"))


def test_an_empty_map_of_a_service_selects_nothing() -> None:
    assert not matches_map(None, LABELS)
    assert not matches_map({}, LABELS)
    assert matches_map({"app": "web"}, LABELS)
    assert not matches_map({"app": "web", "zone": "a"}, LABELS)


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "Web"}}, False),
        ({"matchLabels": {"app": "web", "zone": "a"}}, False),
        (expression("app", "In", "api", "web"), True),
        (expression("app", "In", "api"), False),
        (expression("zone", "In", "a"), False),
        (expression("app", "NotIn", "api"), True),
        (expression("app", "NotIn", "web"), False),
        (expression("zone", "NotIn", "a"), True),  # also where the key is absent
        (expression("app", "Exists"), True),
        (expression("zone", "Exists"), False),
        (expression("zone", "DoesNotExist"), True),
        (expression("app", "DoesNotExist"), False),
        (expression("app", "In"), False),  # the API refuses these
        (expression("app", "NotIn"), False),
        (expression("app", "Exists", "web"), False),
        (expression("app", "Gt", "1"), False),
        ({"matchExpressions": ["odd"]}, False),
        ({"matchLabels": {"app": "web"}, **expression("tier", "In", "back")}, False),
    ],
)
def test_every_requirement_must_hold(selector: dict[str, Any], holds: bool) -> None:
    assert matches(selector, LABELS) is holds


def test_the_first_requirement_that_is_not_met_is_named() -> None:
    selector = {"matchLabels": {"app": "web", "zone": "a"}, **expression("tier", "In", "back")}
    assert unmet(selector, LABELS) == ("matchLabels", "zone")
    assert unmet(expression("tier", "In", "back"), LABELS) == ("matchExpressions", 0)
    assert unmet({"matchLabels": {"app": "web"}}, LABELS) is None


words = st.sampled_from(["a", "b", "c"])
label_maps = st.dictionaries(words, words, max_size=3)
requirements = st.builds(
    lambda key, operator, values: {
        "key": key,
        "operator": operator,
        **({"values": values} if operator in ("In", "NotIn") else {}),
    },
    words,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(words, min_size=1, max_size=2),
)
label_selectors = st.fixed_dictionaries(
    {}, optional={"matchLabels": label_maps, "matchExpressions": st.lists(requirements, max_size=3)}
)


@given(label_selectors, label_maps)
def test_a_selector_matches_the_labels_that_each_of_its_parts_matches(
    selector: dict[str, Any], labels: dict[str, str]
) -> None:
    def holds(one: dict[str, Any]) -> bool:
        found = {labels[one["key"]]} if one["key"] in labels else set()
        return {
            "In": bool(found & set(one.get("values", ()))),
            "NotIn": not found & set(one.get("values", ())),
            "Exists": bool(found),
            "DoesNotExist": not found,
        }[one["operator"]]

    alone = [
        {"key": key, "operator": "In", "values": [value]} for key, value in selector.get("matchLabels", {}).items()
    ]
    expected = all(holds(one) for one in [*alone, *selector.get("matchExpressions", [])])
    assert matches(selector, labels) is expected
    assert (unmet(selector, labels) is None) is expected


@given(label_selectors, label_maps)
def test_what_a_selector_matches_carries_every_pair_by_which_it_is_looked_up(
    selector: dict[str, Any], labels: dict[str, str]
) -> None:
    if matches(selector, labels):
        assert all(labels.get(key) == value for key, value in pairs(selector))
