"""The pages: a request in, HTML or its JSON out, from the published State alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from auditor.model import Score, Severity
from auditor.publish import jsonform, tally, words
from auditor.publish.foreign import shorten
from auditor.publish.state import ClusterState, State, stale
from auditor.web import sentences, urls
from auditor.web.asked import ROWS, chosen, not_found, paged, query, verdicts_with
from auditor.web.diff import rows as diff_rows
from auditor.web.rendering import json, page
from auditor.web.status import cluster_form, status_form
from auditor.web.view import View, view

_TOP: Final = 8


class Site:
    """What all pages share: where the State comes from, the zone and the clock, and one View for each published audit."""

    def __init__(self, state: Callable[[], State], zone: tzinfo, now: Callable[[], datetime]) -> None:
        self._state, self._zone, self._now = state, zone, now
        self._views: dict[str, View] = {}

    def home(self, request: Request) -> Response:
        """One cluster: its overview. Several: a line for each, the oldest news first."""
        asked = query(request, "format")
        state, now = self._state(), self._now()
        if asked.get("format") == "json":
            return json(request, status_form(state, now, self.view))
        if len(state.clusters) == 1:
            return RedirectResponse(urls.cluster_path(state.clusters[0].name), 303)
        rows = [(one, self.view(one), stale(one, state.every, now)) for one in state.clusters]
        rows.sort(key=lambda row: (row[1] is not None and not row[2], row[0].name))
        return page(request, "fleet.html", rows=rows, sentences=sentences, **self._time(now))

    def overview(self, request: Request) -> Response:
        """How the cluster stands."""
        asked = query(request, "format")
        state, cluster, seen = self._cluster(request)
        now = self._now()
        if asked.get("format") == "json":
            form = cluster_form(state, cluster, now, seen)
            return json(request, form | ({"scores": jsonform.scores_form(seen.audit.scores)} if seen else {}))
        said = sentences.overview(state, cluster, seen, now, self._zone)
        title = f"{shorten(cluster.name)}, {_score_title(seen)}"
        if seen is None:
            return page(request, "waiting.html", **self._frame(state, cluster, None, title, said))
        return page(request, "overview.html", top=_TOP, **self._frame(state, cluster, seen, title, said))

    def namespaces(self, request: Request) -> Response:
        """Every namespace, worst first."""
        asked = query(request, "format", "page")
        state, cluster, seen = self._audited(request)
        if asked.get("format") == "json":
            return json(
                request, {"version": 1, "at": jsonform.moment(seen.audit.at)} | jsonform.scores_form(seen.audit.scores)
            )
        said = f"{words.plural(len(seen.namespaces), 'namespace')}, worst first; what could not be judged comes last."
        shown = paged(request, seen.namespaces, asked)
        return page(request, "namespaces.html", paged=shown, **self._frame(state, cluster, seen, "Namespaces", said))

    def namespace(self, request: Request) -> Response:
        """One namespace: its workloads worst first, its drift and its findings."""
        asked = query(request, "format")
        state, cluster, seen = self._audited(request)
        name = urls.name_of(request.path_params["namespace"]) or ""
        row = seen.of_namespace(name)
        if row is None:
            raise not_found("namespace", name, [one.name for one in seen.namespaces])
        drift, found = seen.drift_in.get(name, ()), seen.findings_in.get(name, ())
        if asked.get("format") == "json":
            form = {"version": 1, "at": jsonform.moment(seen.audit.at), "namespace": name, "team": row.team}
            form |= {"score": jsonform.score_form(row.score), "drift": jsonform.drift_forms(drift)}
            return json(request, form | {"verdicts": jsonform.verdict_forms(verdicts_with(found))})
        workloads = tally.worst_workloads(seen.audit.scores, name)
        said = _namespace_sentence(row.score, len([one for one in drift if not one.pending]), len(found), row.unread)
        frame = self._frame(state, cluster, seen, f"{shorten(name)}, score {words.score_words(row.score.score)}", said)
        return page(
            request, "namespace.html", row=row, drift=drift, findings=found, workloads=workloads, rows=ROWS, **frame
        )

    def object(self, request: Request) -> Response:
        """One object: the diff, the findings, the verdicts."""
        asked = query(request, "format")
        state, cluster, seen = self._audited(request)
        parts = [urls.name_of(request.path_params.get(part, "~")) or "" for part in ("namespace", "kind", "name")]
        ref = seen.by_path.get((parts[0], parts[1], parts[2]))
        if ref is None:
            raise not_found("object", parts[2], [name for namespace, _, name in seen.by_path if namespace == parts[0]])
        drift, verdicts = seen.drift_of.get(ref, ()), seen.verdicts_of.get(ref, ())
        missing, score = seen.not_compared_of.get(ref, ()), seen.audit.scores.workloads.get(ref)
        if asked.get("format") == "json":
            form: dict[str, Any] = {"version": 1, "at": jsonform.moment(seen.audit.at), "ref": jsonform.ref_form(ref)}
            form |= {"score": jsonform.score_form(score) if score else None, "drift": jsonform.drift_forms(drift)}
            form |= {"verdicts": jsonform.verdict_forms(verdicts), "not_compared": [one.reason for one in missing]}
            return json(request, form)
        practice_of = {policy.id: policy.practice for policy in state.policies}
        practices: dict[int, list[Any]] = {}
        for verdict in sorted(verdicts, key=lambda one: (practice_of.get(one.policy, 0), one.policy)):
            practices.setdefault(practice_of.get(verdict.policy, 0), []).append(verdict)
        said = sentences.object_drift(drift, compared=seen.compared and not missing)
        title = f"{shorten(ref.name)} ({ref.kind}{', ' + shorten(ref.namespace) if ref.namespace else ''})"
        return page(
            request,
            "object.html",
            ref=ref,
            score=score,
            diffs=[(one, diff_rows(one, self._zone, seen.audit.at)) for one in drift],
            findings=seen.findings_of.get(ref, ()),
            pending=[one for one in seen.pending if one.finding.ref == ref],
            practices=practices,
            not_compared=missing,
            **self._frame(state, cluster, seen, title, said),
        )

    def drift(self, request: Request) -> Response:
        """Every drifted object, dangerous first, and apart what waits to be applied."""
        asked = query(request, "format", "page", "waiting")
        state, cluster, seen = self._audited(request)
        waiting = asked.get("waiting") == "1"
        found = seen.waiting if waiting else seen.drift
        if asked.get("format") == "json":
            return json(request, jsonform.diff_form(seen.audit))
        said = sentences.drift(seen, old=stale(cluster, state.every, self._now()))
        if waiting:
            said = f"Git is ahead in {words.plural(len(found), 'object')}: not applied yet, and not counted as drift."
        frame = self._frame(state, cluster, seen, "Drift", said)
        return page(request, "drift.html", paged=paged(request, found, asked), waiting=waiting, **frame)

    def findings(self, request: Request) -> Response:
        """Open findings, worst first, of all or of one severity, policy or namespace."""
        asked = query(request, "format", "page", "severity", "policy", "namespace")
        state, cluster, seen = self._audited(request)
        if asked.get("severity", "error") not in set(Severity):
            raise HTTPException(400, f"severity is one of {', '.join(Severity)}")
        wanted = {key: asked[key] for key in ("severity", "policy", "namespace") if key in asked}
        found = chosen(seen, wanted)
        if asked.get("format") == "json":
            form = {"version": 1, "at": jsonform.moment(seen.audit.at)}
            return json(request, form | {"verdicts": jsonform.verdict_forms(verdicts_with(found))})
        said = sentences.findings(seen)
        if wanted:
            said = f"{words.plural(len(found), 'finding')} of {len(seen.findings):,} match{'es' if len(found) == 1 else ''}."
        frame = self._frame(state, cluster, seen, f"{words.plural(len(found), 'finding')}", said)
        return page(
            request, "findings.html", paged=paged(request, found, asked), wanted=wanted, since=cluster.since, **frame
        )

    def unknown(self, request: Request) -> Response:
        """What could not be read, compared or judged, and problems in what was read."""
        query(request, "format")
        state, cluster, seen = self._audited(request)
        if request.query_params.get("format") == "json":
            form = {"version": 1, "at": jsonform.moment(seen.audit.at)}
            form |= {"coverage": jsonform.coverage_form(seen.audit.coverage)}
            form |= {"problems": jsonform.problem_forms(seen.audit.problems)}
            return json(request, form | {"verdicts": jsonform.verdict_forms(seen.unknown)})
        count = len(seen.unread)
        said = "Everything that was wanted could be read."
        if seen.partial:
            said = f"{words.plural(count, 'list')} could not be read. What is in {'it' if count == 1 else 'them'} is neither good nor missing: it is not known."
        elif not seen.compared:
            said = "No cluster was read."
        return page(request, "unknown.html", limit=200, **self._frame(state, cluster, seen, "Not known", said))

    def policies(self, request: Request) -> Response:
        """The catalogue, by practice."""
        asked = query(request, "format")
        policies = sorted(self._state().policies, key=lambda policy: (policy.practice, policy.id))
        if asked.get("format") == "json":
            return json(request, jsonform.policies_form(policies))
        return page(request, "policies.html", policies=policies, **self._time(self._now()))

    def policy(self, request: Request) -> Response:
        """One policy, and where it fails."""
        asked = query(request, "format")
        state, wanted = self._state(), request.path_params["policy"]
        policy = next((one for one in state.policies if wanted in (one.id, one.name)), None)
        if policy is None:
            raise not_found("policy", wanted, [name for one in state.policies for name in (one.id, one.name)])
        if wanted != policy.id:
            return RedirectResponse(f"/policies/{policy.id}", 308)
        if asked.get("format") == "json":
            return json(request, jsonform.policies_form([policy]))
        failing = []
        for cluster in state.clusters:
            seen = self.view(cluster)
            count = sum(len(row.findings) for row in seen.policies if row.id == policy.id) if seen else 0
            failing.append((cluster.name, count if seen else None))
        return page(request, "policy.html", policy=policy, failing=failing, **self._time(self._now()))

    def _cluster(self, request: Request) -> tuple[State, ClusterState, View | None]:
        state, name = self._state(), urls.name_of(request.path_params["cluster"]) or ""
        cluster = state.cluster(name)
        if cluster is None:
            raise not_found("cluster", name, [one.name for one in state.clusters])
        return state, cluster, self.view(cluster)

    def _audited(self, request: Request) -> tuple[State, ClusterState, View]:
        state, cluster, seen = self._cluster(request)
        if seen is None:
            # nothing to show yet: the overview says what will come
            raise HTTPException(303, headers={"Location": urls.cluster_path(cluster.name)})
        return state, cluster, seen

    def view(self, cluster: ClusterState) -> View | None:
        """The index of what was published last; None before the first run."""
        if cluster.audit is None:
            return None
        known = self._views.get(cluster.name)
        if known is None or known.audit is not cluster.audit:
            before = cluster.earlier.scores.namespaces if cluster.earlier else None
            known = self._views[cluster.name] = view(cluster.audit, before)
        return known

    def _frame(
        self, state: State, cluster: ClusterState, seen: View | None, title: str, sentence: str
    ) -> dict[str, Any]:
        now = self._now()
        return {
            "state": state,
            "cluster": cluster,
            "view": seen,
            "title": title,
            "sentence": sentence,
            "banners": sentences.banners(state, cluster, now, self._zone),
            "old": stale(cluster, state.every, now),
            "delta": sentences.delta,
            "tally": tally,
            **self._time(now),
        }

    def _time(self, now: datetime) -> dict[str, Any]:
        def when(at: datetime) -> str:
            return words.when(at, self._zone, now=now)

        return {"now": now, "zone": self._zone, "when": when}


def _namespace_sentence(score: Score, drift: int, findings: int, unread: Sequence[object]) -> str:
    said = (
        "Its workloads could not be judged."
        if score.score is None
        else f"The score is {words.number(score.score)} of 100"
    )
    if score.score is not None:
        said += f", the lowest {words.number(score.minimum)}." if score.minimum is not None else "."
    counts = f" {words.plural(drift, 'object')} drifted, {words.plural(findings, 'finding')} open.".replace(
        " no ", " No ", 1
    )
    rest = f" {words.plural(len(unread), 'list')} could not be read." if unread else ""
    return said + counts + rest


def _score_title(seen: View | None) -> str:
    return "no run yet" if seen is None else f"score {words.score_words(seen.audit.scores.cluster.score)}"
