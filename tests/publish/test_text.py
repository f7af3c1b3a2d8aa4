"""Terminal output: complete, narrow enough, and free of what others wrote to mislead."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import replace

import pytest

from auditor.model import Cell, CellState, Coverage, Direction, Severity
from auditor.publish import text, words
from auditor.publish.listed import listed
from auditor.publish.text import Look
from tests.publish import sample

ANSI = re.compile("\x1b\\[[0-9;]*m")


def all_texts(audit: sample.Audit, look: Look) -> list[str]:
    return [
        text.audit_text(audit, sample.POLICIES, look),
        text.check_text(listed(audit, sample.POLICIES), look, lambda place: "  password: " + sample.CANARY),
        text.diff_text(audit, look),
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_colour_goes_into_a_pipe() -> None:
    assert text.look(io.StringIO(), {}).colour is False
    assert "\x1b" not in text.audit_text(sample.AUDIT, sample.POLICIES)


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(environ: dict[str, str]) -> None:
    assert text.look(Terminal(), environ).colour is False


def test_a_terminal_gets_colour_and_the_same_words() -> None:
    assert text.look(Terminal(), {"NO_COLOR": ""}).colour is True
    coloured = text.audit_text(sample.AUDIT, sample.POLICIES, Look(colour=True))
    assert "\x1b[1;31m" in coloured
    assert ANSI.sub("", coloured) == text.audit_text(sample.AUDIT, sample.POLICIES, Look())


@pytest.mark.parametrize("audit", [sample.AUDIT, sample.NOTHING])
@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(audit: sample.Audit, width: int) -> None:
    from rich.cells import cell_len

    for shown in all_texts(audit, Look(width=width)):
        assert max(cell_len(line) for line in shown.splitlines()) <= width


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_hostile_text_stays_visible_text(nasty: str) -> None:
    for shown in all_texts(sample.hostile(nasty), Look(width=80)):
        assert not [c for c in shown if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co"))]
        shown.encode()
        if len(nasty) < 300:
            # what is bold or a link elsewhere is letters here: nothing is interpreted
            assert "[bold red]" in shown or nasty != "[bold red]markup[/]"


def test_a_right_to_left_override_is_shown_as_what_it_is() -> None:
    assert "gnp⟨U+202E⟩txt.exe" in text.diff_text(sample.hostile("gnp\u202etxt.exe"))


def test_no_secret_is_printed() -> None:
    for shown in all_texts(sample.AUDIT, Look(whole=True)):
        assert sample.CANARY not in shown
    assert "redacted, another value" in text.diff_text(sample.AUDIT)


def test_an_audit_says_who_and_when_of_each_field() -> None:
    shown = text.audit_text(sample.AUDIT, sample.POLICIES)
    assert "who   kubectl-edit (by hand), at or before Tue 17 Nov 14:02:07 UTC" in shown
    assert "git   registry.example/shop/cart-api:1.4.2" in shown
    assert "live  registry.example/dbg/cart-api:1.4.3" in shown
    assert "deploy/checkout/cart-api.yaml:31" in shown


def test_a_removed_field_is_most_likely_somebodys_and_never_dated_by_another_entry() -> None:
    shown = " ".join(text.diff_text(sample.AUDIT).split())
    assert "most likely kubectl-edit (by hand), removed between 14:00 and Tue 17 Nov 14:05 UTC" in shown


def test_what_waits_to_be_applied_is_apart_and_not_counted() -> None:
    shown = text.diff_text(sample.AUDIT)
    assert shown.index("Drift: 4 objects differ") < shown.index("Waiting: git is ahead in 1 object")
    assert "4 objects drifted, 3 dangerous, 1 waiting" in shown.replace("\n", " ")
    alone = replace(sample.AUDIT, drift=tuple(d for d in sample.DRIFT if d.direction is Direction.GIT_AHEAD))
    assert "Drift: none" in text.diff_text(alone)


def test_nothing_judged_is_not_called_good() -> None:
    for shown in all_texts(sample.NOTHING, Look()):
        assert "100" not in shown
        assert "no drift" not in shown
        assert "none" not in shown
    assert "no score: there is nothing to judge" in text.audit_text(sample.NOTHING)
    assert "nothing was compared" in text.diff_text(sample.NOTHING)
    assert "Nothing was judged" in text.check_text(listed(sample.NOTHING, ()))


def test_a_namespace_that_could_not_be_judged_has_no_number() -> None:
    shown = text.audit_text(sample.AUDIT)
    assert re.search(r"vault +unowned +not judged +\? +0", shown)
    assert "? Deployment in vault: denied: list is forbidden" in shown


def test_one_reason_for_many_lists_is_one_line() -> None:
    cells = tuple(Cell("", f"Kind{n % 9}", f"ns-{n}", CellState.UNAVAILABLE, "not in this dump") for n in range(500))
    shown = text.diff_text(replace(sample.AUDIT, coverage=Coverage(0.1, cells)), Look(width=160))
    assert (
        "? 500 lists, in 500 namespaces: unavailable: not in this dump (Kind0, Kind1, Kind2, Kind3, Kind4, Kind5 and 3 more kinds)"
        in shown
    )
    assert "500 lists could not" in shown


def test_long_lists_are_cut_with_a_count_and_the_way_to_see_all() -> None:
    audit = sample.many(40)
    shown = text.audit_text(audit, sample.POLICIES, Look(see_all="--all"))
    assert "… 28 more objects: --all shows all" in shown
    assert "… 37 more findings: --all shows all" in shown
    whole = text.audit_text(audit, sample.POLICIES, Look(whole=True))
    assert "more" not in whole
    assert all(f"app-{n} " in whole for n in range(40))


def test_a_check_points_at_the_written_line() -> None:
    shown = text.check_text(listed(sample.AUDIT, sample.POLICIES), Look(), lambda place: "      - name: api")
    assert "   30 |       - name: api\n            |         ^" in shown
    assert shown.index("cart-api.yaml") < shown.index("indexer.yaml")


def test_a_remedy_is_said_once_for_its_policy_in_a_check() -> None:
    assert text.check_text(listed(sample.AUDIT, sample.POLICIES)).count("→ set resources.limits.memory") == 1


def test_pending_and_waived_findings_are_not_counted() -> None:
    shown = text.audit_text(sample.AUDIT)
    assert "Findings: 1 error, 2 warnings in 1 object" in shown
    assert "1 finding only in git, not running yet: not counted." in shown
    assert "1 verdict waived" in shown


def test_an_explanation_keeps_manifests_as_they_can_be_copied() -> None:
    long = "a: " + "x" * 200
    shown = text.explain_text(
        sample.POLICIES[0], long, "b: 1\n\tc: 2\n", Look(width=60), "gitops-auditor.io/waive.POD001: x"
    )
    assert f"  {long}\n" in shown
    assert "gitops-auditor.io/waive.POD001: x" in shown
    assert "Fails" in shown
    assert "Passes" in shown


def test_a_policy_that_is_off_says_so() -> None:
    shown = text.policies_text(sample.POLICIES)
    assert re.search(r"CFG003 +secret-in-plain-text +off", shown)
    assert "4 policies, 1 of them off" in shown


def test_manifests_are_listed_with_their_places() -> None:
    shown = text.manifests_text(sample.SNAPSHOT)
    assert "deploy/a.yaml:30" in shown
    assert "2 objects, 1 problem" in shown


def test_a_stream_of_another_encoding_is_no_reason_to_die() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    text.show("▲ é", stream)
    stream.flush()
    assert raw.getvalue() == b"\\u25b2 \\xe9"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1", '"1"'), (1, "1"), ("", '""'), (None, "(not set)"), ([], "[]"), ({}, "{}"), (True, "true"), ("true", '"true"'),
     ("512Mi", "512Mi"), ("nginx:1.2", "nginx:1.2"), ("a: b", '"a: b"'), ("--flag", "--flag"), ("a\nb", '"a\\nb"'),
     (sample.SECRET, "redacted"), ({"a": sample.SECRET}, '{"a": redacted}')],
)  # fmt: skip
def test_values_are_told_apart_as_yaml_does(value: object, shown: str) -> None:
    assert words.value_words(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(99.99, "99"), (100.0, "100"), (0.0, "0"), (0.4, "1"), (61.5, "61")])
def test_a_score_is_cut_down_so_that_100_is_all(value: float, shown: str) -> None:
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "no object"), (1, "1 object"), (2, "2 objects"), (1204, "1,204 objects")]
)
def test_counts_agree_with_their_nouns(count: int, shown: str) -> None:
    assert words.plural(count, "object") == shown


def test_worst_comes_first() -> None:
    from auditor.publish import tally

    found = tally.open_findings(sample.AUDIT.verdicts)
    assert [one.finding.severity for one in found] == [Severity.ERROR, Severity.WARNING, Severity.WARNING]
    assert [name for name, _ in tally.worst_namespaces(sample.AUDIT.scores)] == ["checkout", "payments", "vault"]
