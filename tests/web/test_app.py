"""Pages: what they say, what they never say, and what nobody can make them do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from httpx import Response

import auditor.web
from auditor.model import Outcome, Ref, Unavailable
from auditor.publish.state import State
from auditor.web import urls
from auditor.web.diff import marked
from tests.publish import sample
from tests.web import pages
from tests.web.pages import app, crawl, get, words

WEB = Path(auditor.web.__file__).parent


@cache
def _harmless() -> dict[str, Response]:
    return crawl(app(pages.hostile("plain")))


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_hostile_text_is_text_on_every_page(nasty: str) -> None:
    harmless, seen = _harmless(), crawl(app(pages.hostile(nasty)))
    assert {r.status_code for path, r in seen.items()} == {200}, [p for p, r in seen.items() if r.status_code != 200]
    elements = {"<script": 0, "<img": 0, "<b>": 0, " onerror=": 0, "javascript:": 0}
    for path, response in seen.items():
        if response.headers["content-type"].startswith("text/html"):
            inside = re.sub(r">[^<]*<|=\"[^\"]*\"", "", response.text)
            for element in elements:
                assert element not in inside, (path, element)
            assert not re.search(r"[\u202a-\u202e\u200b\x00-\x08\x1b]", response.text)
            assert "49" not in words(response) or "{{7*7}}" not in nasty
    tags = [len(re.findall(r"<[a-z]", r["/"].text)) for r in (harmless, seen)]
    # a shortened name has a title; one without a place or a message lacks a part
    assert tags[0] == tags[1] or nasty == ""


def test_no_secret_is_on_any_page_or_in_any_json() -> None:
    for path, response in crawl(app(pages.STATE)).items():
        assert sample.CANARY not in response.text, path


def test_every_link_leads_somewhere() -> None:
    for state in (pages.STATE, pages.EMPTY, pages.NEVER, pages.FAILED, pages.GOOD, pages.FLEET, State()):
        seen = crawl(app(state))
        assert {path: r.status_code for path, r in seen.items() if r.status_code != 200} == {}


@pytest.mark.parametrize(
    "path", ["/", "/c/prod-eu", "/nope", "/metrics", "/healthz", "/api/v1/status", "/c/prod-eu?x=1"]
)
def test_every_answer_has_strict_headers(path: str) -> None:
    headers = get(app(pages.STATE), path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


def test_no_template_holds_what_the_policy_forbids() -> None:
    for template in (WEB / "templates").iterdir():
        text = template.read_text()
        for bad in ("style=", "<style", "<script", "|safe", "| safe", "javascript:", " on"):
            found = re.search(r"\son[a-z]+=", text) if bad == " on" else bad in text
            assert not found, f"{template.name}: {bad}"
        for target in re.findall(r'(?:href|src)="([^"{]*)', text):
            assert not target.startswith(("http", "//")), f"{template.name}: {target}"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/c/prod-eu", "/metrics", "/api/v1/status", "/healthz"])
def test_nothing_can_be_changed(method: str, path: str) -> None:
    assert get(app(pages.STATE), path, method).status_code == 405


def test_head_is_answered_without_a_body() -> None:
    response = get(app(pages.STATE), "/c/prod-eu", "HEAD")
    assert (response.status_code, response.content) == (200, b"")


def test_an_unknown_parameter_is_refused_with_those_that_there_are() -> None:
    response = get(app(pages.STATE), "/c/prod-eu/findings?severty=error")
    assert response.status_code == 400
    assert "There is no parameter 'severty' here, only format, page, severity, policy, namespace." in words(response)


@pytest.mark.parametrize(
    "query", ["severity=fatal", "page=0", "page=x", "page=9", "page=１", "format=xml", "page=" + "9" * 5000]
)
def test_a_wrong_value_is_refused(query: str) -> None:
    assert get(app(pages.STATE), f"/c/prod-eu/findings?{query}").status_code == 400


def test_an_unknown_object_names_the_closest() -> None:
    response = get(app(pages.STATE), "/c/prod-eu/ns/checkout/deployment.apps/cart-apo")
    assert response.status_code == 404
    assert "There is no object 'cart-apo' in what was read last. Closest: cart-api" in words(response)


@pytest.mark.parametrize(
    "path", ["/c/~ZZ", "/c/prod-eu/ns/~", "/c/prod-eu/ns/checkout/x/y", "/policies/NOPE", "/static/x.css", "/c/%00"]
)
def test_what_there_is_not_is_404(path: str) -> None:
    assert get(app(pages.STATE), path).status_code == 404


def test_a_store_that_does_not_answer_gives_503_and_no_detail() -> None:
    def broken() -> State:
        raise Unavailable("store", "cannot reach postgresql://auditor@db.internal", remedy="start the database")

    response = get(app(broken), "/c/prod-eu")
    assert response.status_code == 503
    assert "The store did not answer. Nothing is lost; runs continue. start the database" in words(response)
    assert "db.internal" not in response.text


def test_a_fault_of_ours_gives_500_and_tells_nothing_of_itself() -> None:
    def broken() -> State:
        raise KeyError(sample.CANARY)

    response = get(app(broken), "/c/prod-eu")
    assert response.status_code == 500
    assert sample.CANARY not in response.text


def test_the_first_sentence_answers_the_question() -> None:
    said = words(get(app(pages.STATE), "/"))
    assert (
        "4 objects differ from git: 3 dangerous, 1 by hand. The score is 78 of 100, down 2 since Tue 10 Nov 14:05 UTC."
        in said
    )


def test_before_the_first_run_it_says_when_that_is_and_no_number() -> None:
    said = words(get(app(pages.NEVER), "/"))
    assert "No run yet. The first is due at Tue 17 Nov 14:10 UTC." in said
    assert not re.search(r"\b(0|100)\b", said)


def test_nothing_judged_is_no_score_and_no_drift_of_zero() -> None:
    said = words(get(app(pages.EMPTY), "/c/empty"))
    assert "Nothing was compared" in said
    assert "There is no score: nothing could be judged." in said
    assert "100" not in said.replace("from 0 to 100", "")
    assert "No drift" not in said


def test_partial_is_never_called_whole() -> None:
    quiet = replace(pages.CLUSTER, audit=replace(sample.AUDIT, drift=()))
    said = words(get(app(replace(pages.STATE, clusters=(quiet,))), "/"))
    assert "What could be read runs as git says; the rest is not known." in said
    assert "What runs is what git says." not in said


def test_good_is_said_plainly_and_with_its_time() -> None:
    said = words(get(app(pages.GOOD), "/"))
    assert "What runs is what git says." in said
    assert "No drift, Tue 17 Nov 14:05 UTC." in said


def test_old_data_is_shown_as_it_was() -> None:
    said = words(get(app(pages.STATE, now=sample.AT + timedelta(hours=4)), "/"))
    assert "Nothing newer than Tue 17 Nov 14:05 UTC (4 h). Shown: as it was then." in said.replace("\u00a0", " ")
    assert "4 objects differed from git" in said
    assert "The score was 78" in said
    assert "is what git says" not in said


def test_a_failed_run_says_why_and_what_is_shown() -> None:
    said = words(get(app(pages.FAILED), "/"))
    assert "The last run failed at Tue 17 Nov 14:05 UTC: cluster: the API server did not answer." in said
    assert "What is shown is of the last run that succeeded." in said
    assert "check the network" in said


def test_a_namespace_that_could_not_be_read_has_question_marks() -> None:
    text = get(app(pages.STATE), "/c/prod-eu").text
    row = re.search(r"<tr>\s*<th[^>]*><a href=\"/c/prod-eu/ns/vault\">.*?</tr>", text, re.DOTALL)
    assert row
    shown = re.sub(r"<[^>]+>", " ", row[0]).split()
    assert shown == ["vault", "1", "list", "not", "readable", "unowned", "?", "not", "judged", "?", "?", "?", "?"]


def test_an_object_page_has_both_sides_who_and_the_verdicts() -> None:
    response = get(app(pages.STATE), "/c/prod-eu/ns/checkout/deployment.apps/cart-api")
    said = words(response)
    assert "It differs from git in 4 fields, live was changed." in said
    assert "<mark>shop/cart-api:1.4.2</mark>" in response.text
    assert "most likely kubectl-edit (by hand), removed between 14:00 and Tue 17 Nov 14:05 UTC" in said
    assert "redacted, another value" in said
    assert "deploy/checkout/cart-api.yaml:31" in said
    assert "7 Probes PRB001 readiness-missing ✕ Fail" in said
    assert response.text.index(".image") < response.text.index("limits.memory")


def test_a_number_that_is_a_link_leads_to_as_many_rows() -> None:
    state = replace(pages.STATE, clusters=(replace(pages.CLUSTER, audit=sample.many(120)),))
    of = app(state)
    overview = get(of, "/c/prod-eu").text
    for part in ("drift", "findings"):
        shown = re.search(rf'class="big" href="/c/prod-eu/{part}">([\d,]+)', overview)
        assert shown
        assert shown[1] == "120"
        rows = sum(get(of, f"/c/prod-eu/{part}?page={n}").text.count("<li>\n<p><span") for n in (1, 2, 3))
        assert rows == 120
    assert "101–120 of 120 findings." in words(get(of, "/c/prod-eu/findings?page=3"))
    assert len(json.loads(get(of, "/c/prod-eu/findings?format=json").text)["verdicts"]) == 120


def test_filters_narrow_and_say_so() -> None:
    said = words(get(app(pages.STATE), "/c/prod-eu/findings?severity=error&namespace=checkout"))
    assert "1 finding of 3 matches." in said
    assert "PRB001" in said
    assert "RES002" not in said


def test_a_finding_about_a_namespace_counts_in_it() -> None:
    ref = Ref("prod-eu", "", "Namespace", None, "checkout")
    extra = sample.verdict("RES002", ref, Outcome.FAIL, findings=(sample.finding("RES002", ref, 77),))
    audit = replace(sample.AUDIT, verdicts=(*sample.VERDICTS, extra))
    of = app(replace(pages.STATE, clusters=(replace(pages.CLUSTER, audit=audit),)))
    assert "3 findings of" not in words(get(of, "/c/prod-eu/ns/checkout"))
    assert "4 findings of this namespace" in words(get(of, "/c/prod-eu/ns/checkout"))
    assert "1–4 of 4 findings." in words(get(of, "/c/prod-eu/findings?namespace=checkout"))
    assert (
        'namespace="checkout",policy="RES002",severity="warning",status="fail",team="team-cart"} 3'
        in get(of, "/metrics").text
    )


def test_git_ahead_is_listed_apart() -> None:
    of = app(pages.STATE)
    assert "HorizontalPodAutoscaler" not in words(get(of, "/c/prod-eu/drift"))
    said = words(get(of, "/c/prod-eu/drift?waiting=1"))
    assert "Git is ahead in 1 object: not applied yet, and not counted as drift." in said
    assert "HorizontalPodAutoscaler" in said


def test_several_clusters_are_a_table_with_the_unread_first() -> None:
    said = words(get(app(pages.FLEET), "/"))
    assert said.index("staging") < said.index("prod-eu")
    assert "No run yet." in said


def test_json_says_what_the_page_says() -> None:
    of = app(pages.STATE)
    status = json.loads(get(of, "/api/v1/status").text)
    one = status["clusters"][0]
    assert (one["drift"], one["dangerous"], one["waiting"], one["age_seconds"], one["stale"]) == (4, 3, 1, 240, False)
    assert one["findings"] == {"error": 1, "warning": 2, "info": 0}
    assert one["score"]["score"] == 78.4
    never = json.loads(get(app(pages.NEVER), "/api/v1/status").text)["clusters"][0]
    assert never["as_of"] is None
    assert "score" not in never
    found = json.loads(get(of, "/c/prod-eu/ns/checkout/deployment.apps/cart-api?format=json").text)
    assert found["drift"][0]["changes"][0]["owner"]["class"] == "human"


def test_the_same_page_is_not_sent_twice() -> None:
    of = app(pages.STATE)
    first = get(of, "/c/prod-eu")
    again = get(of, "/c/prod-eu", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "private, no-cache"


def test_style_may_be_kept_for_ever_because_its_address_has_its_hash() -> None:
    of = app(pages.STATE)
    address = re.search(r'href="(/static/style\.[0-9a-f]{12}\.css)"', get(of, "/c/prod-eu").text)
    assert address
    response = get(of, address[1])
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"] == "text/css; charset=utf-8"


def test_health_and_readiness_are_two_things() -> None:
    assert get(app(pages.STATE), "/healthz").text == "ok\n"
    assert get(app(pages.STATE, healthy=lambda: False), "/healthz").status_code == 503
    assert get(app(pages.NEVER), "/readyz").status_code == 200
    troubled = get(app(replace(pages.STATE, trouble="the store is being upgraded")), "/readyz")
    assert (troubled.status_code, troubled.text) == (503, "the store is being upgraded\n")


def test_metrics_are_served_as_text() -> None:
    response = get(app(pages.STATE), "/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'auditor_cluster_score_ratio{cluster="prod-eu"} 0.784' in response.text


@pytest.mark.parametrize("name", [*sample.NASTY, ".", "..", "a/b", "~", "~2F", "a%2Fb", "system:node", "?x#y"])
def test_an_address_of_any_name_leads_back_to_it(name: str) -> None:
    part = urls.segment(name)
    assert re.fullmatch(r"[A-Za-z0-9\-_.:@~]+", part)
    assert part not in (".", "..")
    assert urls.name_of(part) == name


def test_the_address_of_an_object_uses_kubectls_word() -> None:
    assert urls.object_path("prod", Ref("prod", "apps", "Deployment", "a", "b")) == "/c/prod/ns/a/deployment.apps/b"
    assert urls.object_path("prod", Ref("prod", "", "Namespace", None, "b")) == "/c/prod/cluster/namespace/b"


def test_what_differs_within_a_value_is_marked() -> None:
    git, live = marked("registry/shop:1.4.2", "registry/shop:1.4.3")
    assert [(p.text, p.differs) for p in git] == [("registry/shop:1.4.", False), ("2", True)]
    assert [(p.text, p.differs) for p in live] == [("registry/shop:1.4.", False), ("3", True)]
    whole, _ = marked("abc", "xyz")
    assert [(p.text, p.differs) for p in whole] == [("abc", True)]
    longer, _ = marked("aa", "aaa")
    assert "".join(p.text for p in longer) == "aa"
