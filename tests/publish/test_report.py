"""The report: says what is known of a period, and what is not; whatever a name holds, it is text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from auditor.model import Misuse, Outcome, Score, Unavailable
from auditor.publish import report
from auditor.publish.gathered import gaps, gather
from auditor.store import opened
from tests.publish import report_sample as weeks
from tests.publish import sample

RENDERED = (report.markdown, report.html, report.mail_html, report.text)


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_hostile_text_is_text_in_every_rendering(nasty: str) -> None:
    harmless, data = weeks.hostile("plain"), weeks.hostile(nasty)
    for render in RENDERED:
        made = render(data)
        made.encode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u200b]", made)
    for render in (report.html, report.mail_html):
        if nasty:
            assert _Elements(render(data)).tags == _Elements(render(harmless)).tags
    read = MarkdownIt("commonmark").enable("table").parse(report.markdown(data))
    inside = [child for token in read for child in token.children or ()]
    assert not {"html_inline", "link_open", "image", "em_open", "strong_open"} & {child.type for child in inside}
    assert not {"html_block", "fence", "code_block", "hr", "lheading"} & {token.type for token in read}
    for cells in re.findall(r"(?m)^\|.*\|$", report.markdown(data)):
        assert len(re.findall(r"(?<!\\)\|", cells)) <= 6


def test_no_secret_is_in_any_rendering() -> None:
    for render in RENDERED:
        assert sample.CANARY not in render(weeks.DATA)
        assert "redacted, another value" in " ".join(render(weeks.DATA).split())


@pytest.mark.parametrize("data", [weeks.NO_RUNS, weeks.NEVER], ids=["no runs", "never ran"])
def test_a_period_without_a_run_says_nothing_of_itself(data: report.ReportData) -> None:
    for render in RENDERED:
        made = " ".join(re.sub(r"<style>.*</style>|<[^>]+>", " ", render(data), flags=re.DOTALL).split())
        assert "No run was published between" in made
        assert "This report says nothing about the period." in made
        assert "100" not in made
        assert not re.search(r"(?i)what runs is|no drift|resolved|everything", made)
    assert report.subject(data) == "prod-eu, 10 Nov to 17 Nov: no data"


def test_the_last_known_score_is_dated() -> None:
    assert "Last known: a score of 78 at Tue 17 Nov 2026 15:05 Europe/Berlin." in report.markdown(weeks.NO_RUNS)


def test_nothing_judged_has_no_score() -> None:
    made = report.markdown(weeks.EMPTY)
    assert "There is no score: nothing could be judged." in made
    assert "Nothing was compared with git." in made
    assert "100" not in made.partition("## Method")[0]
    assert report.subject(weeks.EMPTY) == "empty, 10 Nov to 17 Nov: no score"


def test_the_first_report_has_nothing_to_compare_with() -> None:
    made = report.markdown(weeks.FIRST)
    assert "There is no earlier time to compare with." in made
    assert "down" not in report.subject(weeks.FIRST)


def test_a_changed_formula_gives_no_difference() -> None:
    assert weeks.DATA.then
    changed = replace(weeks.DATA, then=replace(weeks.DATA.then, formula=0))
    made = report.markdown(changed)
    assert "The formula of the score changed: 80 before cannot be compared with it." in made
    assert "down" not in made
    assert "| checkout (team-cart) | – | 61 |" in made


def test_a_difference_is_that_of_the_numbers_that_are_shown() -> None:
    scores = replace(sample.AUDIT.scores, cluster=Score(79.9, 1.0, 3, 0.0))
    assert "78 of 100, down 1" in report.subject(replace(weeks.DATA, then=scores))
    scores = replace(sample.AUDIT.scores, cluster=Score(78.9, 1.0, 3, 0.0))
    assert "78 of 100, no change" in report.subject(replace(weeks.DATA, then=scores))


def test_poor_coverage_is_in_the_subject() -> None:
    audit = replace(sample.AUDIT, coverage=replace(sample.AUDIT.coverage, ratio=0.5))
    assert "coverage 50\u00a0%" in report.subject(replace(weeks.DATA, audit=audit))


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_a_subject_is_one_short_line(nasty: str) -> None:
    made = report.subject(weeks.hostile(nasty))
    assert made.isprintable() or "\u00a0" in made
    assert len(made) <= 70
    assert ": 10 of 100" in made


def test_the_report_has_all_its_parts_in_order() -> None:
    titles = re.findall(r"(?m)^## (.*)$", report.markdown(weeks.DATA))
    assert titles == [
        "What needs a person", "Opened", "Resolved", "Namespaces, worst first", "Teams", "Drift still open",
        "Waiting to be applied", "Open since before", "Policies that fail most", "Waived", "What could not be seen", "Method",
    ]  # fmt: skip
    made = report.markdown(weeks.DATA)
    assert "The score is 78 of 100, down 2, over 3 workloads; the lowest is 31." in made
    assert "- Period: Tue 10 Nov 15:15 Europe/Berlin to Tue 17 Nov 15:15 Europe/Berlin" in made
    assert "- Runs: 2,009 runs published, 7 failed, 1 gap" in made
    assert "- git shop: a81f3c000000 to 3f2c1ab4d5e6, 2 revisions" in made
    assert "| vault (unowned) | – | not judged | ? | 0 |" in made
    assert "No longer there, or not in view: gone." in made
    assert "kubectl-edit (by hand), at or before Tue 17 Nov 15:02:07 Europe/Berlin" in made
    assert "open since Mon 2 Nov 15:15 Europe/Berlin" in made
    assert "denied: list is forbidden, since Wed 11 Nov 15:15 Europe/Berlin, still" in made


def test_git_ahead_is_apart_and_not_called_drift() -> None:
    made = report.markdown(weeks.DATA)
    drift = made.partition("## Drift still open")[2].partition("## ")[0]
    assert "HorizontalPodAutoscaler" not in drift
    assert "HorizontalPodAutoscaler" in made.partition("## Waiting to be applied")[2]


def test_mail_is_small_however_much_there_is() -> None:
    data = weeks.large(1000)
    assert len(report.mail_html(data).encode()) < 90_000
    assert "985 more" in report.mail_html(data)
    assert max(map(len, report.text(data).splitlines())) <= 76
    nasty = weeks.hostile("x" * 10_000)
    assert len(report.mail_html(nasty).encode()) < 90_000


def test_mail_loads_nothing_and_has_no_more_than_four_columns() -> None:
    made = report.mail_html(weeks.DATA)
    assert not re.search(r"(?i)<(img|svg|script|link|a|form|style)\b|url\(|https?:", made)
    for row in re.findall(r"<tr>(.*?)</tr>", made, re.DOTALL):
        assert row.count("<td align") <= 4


def test_the_html_file_needs_no_other_and_reads_without_its_style() -> None:
    made = report.html(weeks.DATA)
    assert not re.search(r"(?i)<(img|script|link|iframe)\b|url\(|@import", made)
    assert "style=" not in made
    words = " ".join(re.sub(r"<style>.*</style>|<[^>]+>", " ", made, flags=re.DOTALL).split())
    assert words.index("The score is 78") < words.index("What needs a person") < words.index("Method")


def test_files_are_written_whole_under_a_name_that_anything_can_hold(tmp_path: Path) -> None:
    for name in ("prod-eu", "../../etc/passwd", "a/b\x00c", "", "x" * 300):
        for file in report.write(tmp_path / "deep" / "er", replace(weeks.DATA, cluster=name)):
            assert file.parent == tmp_path / "deep" / "er"
            assert file.read_text(encoding="utf-8")
    names = sorted(file.name for file in (tmp_path / "deep" / "er").iterdir())
    assert "prod-eu_2026-11-10T1515_2026-11-17T1515.md" in names
    assert not [name for name in names if name.startswith(".")]
    assert len(names) == 10


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot write the report into") as raised:
        report.write(tmp_path / "file", weeks.DATA)
    assert "report.folder" in raised.value.remedy


def test_gaps_are_times_between_runs_that_are_far_longer_than_usual() -> None:
    start = weeks.SINCE
    times = [start + timedelta(minutes=5 * n) for n in range(1, 100)]
    end = times[-1] + timedelta(minutes=5)
    assert gaps(times, start, end) == ()
    assert gaps([*times[:10], *times[50:]], start, end) == ((times[9], times[50]),)
    assert gaps(times, start - timedelta(hours=2), end) == ((start - timedelta(hours=2), times[0]),)
    assert gaps(times, start, end + timedelta(hours=2)) == ((times[-1], end + timedelta(hours=2)),)
    assert gaps(times[:2], start, end) == ()


def test_what_a_store_remembers_becomes_a_report(tmp_path: Path) -> None:
    before, after = sample.AT - timedelta(days=1), sample.AT
    with opened(f"sqlite:///{tmp_path / 'a.db'}") as store:
        assert store is not None
        never = gather(store, "prod-eu", before, after)
        assert "No run was published" in report.markdown(never)
        first = replace(sample.AUDIT, at=before, drift=(), verdicts=sample.VERDICTS[2:3])
        for audit in (first, sample.AUDIT):
            store.publish(store.begin("prod-eu", "schedule", audit.at), audit, finished=audit.at)
        store.fail(store.begin("prod-eu", "schedule", after), "the API server did not answer", after)
        data = gather(store, "prod-eu", before, after, zone="Europe/Berlin")
        with pytest.raises(Misuse, match="no such time zone: 'Mars/Base'"):
            gather(store, "prod-eu", before, after, zone="Mars/Base")
    assert (data.published, data.failed, data.failures) == (1, 1, ("the API server did not answer",))
    assert len([one for one in data.opened if isinstance(one.what, sample.Finding)]) >= 3
    made = report.markdown(data)
    assert "Deployment checkout/cart-api" in made
    assert "The score is 78 of 100, no change" in made
    assert sample.CANARY not in made


def test_waivers_are_told_with_their_ends_the_first_first() -> None:
    data = weeks.DATA
    assert data.audit is not None
    late, soon, *others = data.audit.verdicts
    day = data.until.date()
    verdicts = [
        late._replace(outcome=Outcome.WAIVED, reason="it stays (until 2099-12-31, by team-a)"),
        soon._replace(outcome=Outcome.FAIL, reason=f"waived in part: it goes (until {day}, by team-b)"),
        *(one._replace(outcome=Outcome.PASS) for one in others),
    ]
    said = report.markdown(replace(data, audit=replace(data.audit, verdicts=tuple(verdicts))))
    section = said.partition("## Waived")[2].partition("\n## ")[0]
    assert "2 verdicts waived; of 1 the waiver ends by" in section
    rows = [line for line in section.splitlines() if "until" in line]
    assert ["it goes" in row for row in rows] == [True, False]
    none = report.markdown(replace(data, audit=replace(data.audit, verdicts=tuple(verdicts[2:]))))
    assert "## Waived" not in none
