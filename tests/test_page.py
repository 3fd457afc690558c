"""The report of a run as a page: what stands on it, and that nothing of it is more than text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import ResultsError
from importer.language import in_figures, speaking
from importer.local_api import LocalApi
from importer.measuring import Histogram, Measurement
from importer.model import ErrorInfo, OutcomeName, Place
from importer.page import page, write_page
from importer.page.charts import bars_of
from importer.page.numbers import about, clock, elapsed, length, moment, share
from importer.report import ImportReport
from tests.support import Command, api_beside, local, set_faults, write_leads

HOSTILE = "</style></title><script>alert('&amp;')</script><img src=x onerror=\"alert(1)\">{{ 7 * 7 }}"

# The elements of HTML that have no end.
_VOID = {"meta", "br", "img", "link", "input", "hr"}


class Parsed(HTMLParser):
    """Reads a page, and fails where an element is not closed in its order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is given twice"
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


def report_of(seconds: float = 2.5, **counts: int) -> ImportReport:
    report = ImportReport(
        run="2026-11-25T22:00:00Z-aaaaaa",
        environment="sandbox",
        base_url="https://api.example.org",
        files=["leads.xlsx"],
        started_at="2026-11-25T22:00:00.000Z",
        finished_at="2026-11-25T22:00:02.500Z",
        seconds=seconds,
    )
    for name, count in counts.items():
        report.totals.outcomes[OutcomeName(name)] = count
        report.totals.read += count
    return report


def measured(report: ImportReport, attempts: int = 40) -> ImportReport:
    """Return `report` with measurements of so many attempts, one after the other."""
    measurement = Measurement()
    for index in range(attempts):
        at = report.seconds * index / attempts
        measurement.attempt_ended(at, 0.01 * (1 + index % 9), requested=True, again=index % 5 == 0)
        measurement.row_ended(at, OutcomeName.CREATED)
    report.measured = measurement.measured()
    return report


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as api:
        yield api


@pytest.mark.parametrize(
    ("report", "told", "state"),
    [
        (report_of(created=2, existing=1), "Finished: every row is created, existing", "good"),
        (report_of(created=2, in_doubt=1), "Finished, with rows in doubt.", "mixed"),
        (report_of(created=2, invalid=1), "Finished, with rows that did not become applications.", "mixed"),
    ],
)
def test_the_page_begins_with_how_the_run_ended(report: ImportReport, told: str, state: str) -> None:
    report.exit_code = 0 if state == "good" else 1
    html = page(report)
    assert told in Parsed(html).text
    assert f'class="status {state}"' in html


def test_a_run_that_stopped_says_why() -> None:
    report = report_of(created=2, not_attempted=7)
    report.stopped, report.exit_code = "The API is unavailable.", 4
    html = page(report)
    assert "Stopped early. The API is unavailable." in html
    assert "7 rows to send: mend what stopped the run" in html
    assert 'class="status stopped"' in html


def test_a_dry_run_says_that_nothing_was_sent() -> None:
    html = page(report_of(not_attempted=3), dry_run=True)
    assert "A dry run: nothing was sent." in html
    assert "3 rows would be sent" in html


def test_a_killed_run_has_no_measurements_and_says_so() -> None:
    report = report_of(created=2, in_doubt=1)
    report.finished_at = ""
    text = Parsed(page(report)).text
    assert "Killed before its end" in text
    assert "A run that is killed leaves no measurements. The rows are as the ledger has them now." in text
    assert "The run may not have come to every row. Run the same command again" in text
    assert "Exit code" not in text
    report.counted = False
    assert "a later run has taken over its rows" in page(report)


def test_a_run_from_before_runs_were_measured_says_so() -> None:
    assert "An older lead-importer made this run" in page(report_of(created=1))


def test_totals_shares_latency_and_throughput_stand_on_the_page() -> None:
    report = measured(report_of(created=2999, rejected=1))
    report.totals.requests, report.totals.retries = 3010, 10
    text = Parsed(page(report)).text
    for told in ("3,000 rows read", "2.5 s long", "1,200 rows a second", "99.9 %", "0.1 %"):
        assert told in text
    for title in ("Outcomes over time", "Throughput", "Latency over time", "Latency of all requests"):
        assert title in text
    assert re.search(r"[45]\d ms latency, p50 [89]\d ms latency, p95 [89]\d ms latency, p99", text)


def test_a_plot_over_time_has_a_few_labels_that_differ() -> None:
    report = measured(report_of(created=40))
    plots = re.findall(r'<g class="axis x">.*?</g></g>', page(report))
    assert len(plots) == 4
    for plot in plots[:3]:
        labels = [label for label in re.findall(r"<text[^>]*>([^<]*)</text>", plot) if label]
        assert labels == ["0 s", "0.6 s", "1.2 s", "1.9 s"]


def test_a_run_that_sent_nothing_has_a_plot_of_outcomes_alone() -> None:
    report = report_of(existing=3)
    measurement = Measurement()
    measurement.row_ended(0.01, OutcomeName.EXISTING)
    report.measured = measurement.measured()
    text = Parsed(page(report)).text
    assert "Outcomes over time" in text
    assert "Throughput" not in text
    report.measured = Measurement().measured()
    assert Parsed(page(report)).elements["figure"] == 0


def test_each_problem_has_its_first_rows_and_what_to_do() -> None:
    report = report_of(rejected=14, invalid=2, failed=1, in_doubt=1)
    for row in range(14):
        error = ErrorInfo(
            code="http_400", reason="unknown_customer", message="the API knows no such customer"
        )
        report.reasons.add(OutcomeName.REJECTED, error, Place("leads.xlsx", "Một", row + 2))
    missing = ErrorInfo(code="missing", message="a phone is missing")
    report.reasons.add(OutcomeName.INVALID, missing, Place("leads.xlsx", "Một", 20))
    report.reasons.add(OutcomeName.INVALID, missing, Place("b.csv", "", 3))
    report.reasons.add(OutcomeName.FAILED, ErrorInfo(code="connect", message="no"), Place("b.csv", "", 4))
    report.reasons.add(OutcomeName.IN_DOUBT, ErrorInfo(code="timeout", message="no"), Place("b.csv", "", 5))
    text = Parsed(page(report)).text
    assert "leads.xlsx, sheet Một: row 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 4 more" in text
    assert "leads.xlsx, sheet Một: row 20 b.csv: row 3" in text
    for advice in (
        *("unchanged they are sent only with --retry-rejected", "These rows were not sent. Mend them"),
        *("Nothing was created for these rows.", "lead-importer resolve lists their customers"),
    ):
        assert advice in text


def test_further_kinds_of_problems_are_left_to_the_results() -> None:
    report = report_of(rejected=50)
    for number_ in range(50):
        report.reasons.add(
            OutcomeName.REJECTED, ErrorInfo(code=str(number_), message="no"), Place("a", "", 2)
        )
    parsed = Parsed(page(report))
    assert parsed.elements["article"] == 40
    assert "Further kinds of problems are in the results." in parsed.text


def hostile_report(text: str) -> ImportReport:
    report = measured(report_of(created=1, rejected=1))
    report.run = report.environment = report.base_url = report.stopped = text
    report.files, report.notices = [text, text], [text]
    report.results = report.retry_files = [Path(f"x{text}")]
    report.reasons.add(OutcomeName.REJECTED, ErrorInfo(code=text, message=text), Place(text, text, 2))
    assert report.measured is not None
    report.measured = replace(report.measured, tried_again={text: 3})
    return report


def test_names_and_messages_are_text_whatever_they_hold() -> None:
    harmless, parsed = Parsed(page(hostile_report("x"))), Parsed(page(hostile_report(HOSTILE)))
    assert parsed.elements == harmless.elements
    assert parsed.attributes == harmless.attributes
    assert not {"script", "img", "link", "iframe", "form", "a"} & parsed.elements.keys()
    assert "<script>alert('&amp;')</script>" in parsed.text
    assert "{{ 7 * 7 }}" in parsed.text


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1))
def test_no_text_at_all_changes_the_elements_of_the_page(text: str) -> None:
    assert Parsed(page(hostile_report(text))).elements == Parsed(page(hostile_report("x"))).elements


def test_the_page_may_run_nothing_and_load_nothing() -> None:
    html = page(measured(report_of(created=1)))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
    assert not {"style", "src", "href", "onload", "onclick"} & Parsed(html).attributes
    assert not re.search(r"url\(|@import|https?://(?!api\.example\.org)", html)


def test_the_page_is_small_enough_to_be_mailed() -> None:
    report = measured(report_of(3600.0, created=4000), 4000)
    assert len(page(report).encode()) < 100_000


def test_the_page_tells_its_language_and_writes_numbers_in_it() -> None:
    report = measured(report_of(created=1_234_567))
    assert '<html lang="en">' in page(report)
    with speaking("vi"):
        html = page(report)
    assert '<html lang="vi">' in html
    assert "1.234.567" in html


def test_what_nobody_can_see_is_shown_as_a_sign(tmp_path: Path) -> None:
    report = report_of(created=1)
    report.files = ["odd\udcff\u202e\0.csv"]
    write_page(tmp_path / "report.html", report)
    assert "odd\ufffd\ufffd\ufffd.csv" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(ResultsError, match="`lead-importer report` writes it again"):
        write_page(tmp_path / "report.html", report_of(created=1))


def test_the_page_of_a_run_can_be_written_again_from_the_ledger(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    leads = write_leads(tmp_path / "leads.csv", 30)
    leads.write_text(leads.read_text(encoding="utf-8") + "9999,,,\n", encoding="utf-8")
    set_faults(api, "400:reason=unknown_customer,every=10", "drop-after:customer=1004")
    assert command("run", "leads.csv", *local(api, tmp_path), "--report", "at-once.html").code == 3
    ended = command("report", "-o", "later.html", "--ledger", "ledger.sqlite3")
    assert (ended.code, ended.output) == (0, "Written: later.html\n")
    later = (tmp_path / "later.html").read_text(encoding="utf-8")
    assert later == (tmp_path / "at-once.html").read_text(encoding="utf-8")
    text = Parsed(later).text
    assert "unknown_customer" in text
    assert not re.search(r"Nguyễn|Lê Lợi|09\d{8}|\b1004\b", text)


def test_a_report_is_no_reason_to_run_and_a_dry_run_may_have_one(command: Command, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    assert command("run", "leads.csv", "--env", "local", "--report", "report.txt").code == 2
    assert not (tmp_path / "leads.results.csv").exists()
    assert command("run", "leads.csv", "--env", "local", "--dry-run", "--report", "r.html").code == 0
    assert "A dry run" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "name end in .html" in command("report", "-o", "report.pdf").errors


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (in_figures(1234567.89, 1), "1,234,567.9"),
        (about(0), "0"),
        (about(0.126), "0.13"),
        (about(12.34), "12.3"),
        (about(1234.5), "1,234"),
        (share(0, 5), "0 %"),
        (share(5, 5), "100 %"),
        (share(1, 1_000_000), "0.1 %"),
        (share(999_999, 1_000_000), "99.9 %"),
        (share(1, 3), "33.3 %"),
        (length(0.00123), "1.2 ms"),
        (length(0.0123), "12 ms"),
        (length(12.34), "12.3 s"),
        (length(3726), "1:02:06"),
        (clock(100.4), "1:40"),
        (elapsed(0, 0.5), "0 s"),
        (elapsed(2.5, 0.5), "2.5 s"),
        (elapsed(0.0625, 0.0625), "0.06 s"),
        (elapsed(30, 10), "30 s"),
        (elapsed(90, 10), "1:30"),
    ],
)
def test_numbers_are_told_with_as_many_digits_as_a_person_needs(told: str, expected: str) -> None:
    assert told == expected


def test_numbers_have_the_signs_of_the_language() -> None:
    with speaking("vi"):
        assert (in_figures(1234567.5, 1), length(2.5)) == ("1.234.567,5", "2,5 s")


def test_a_moment_is_told_as_the_clock_on_the_wall_shows_it() -> None:
    assert re.fullmatch(
        r"2026-11-2[56] \d\d:\d\d:00 \(UTC[+-]\d\d:\d\d\)", moment("2026-11-25T12:00:00.000Z")
    )


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40), st.integers(2, 30))
def test_bars_count_every_length_and_are_no_more_than_asked_for(seconds: list[float], most: int) -> None:
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    bars = bars_of(histogram, most)
    assert sum(count for _, count in bars) == len(seconds)
    assert len(bars) <= most
    assert bars[-1][0] >= max(seconds) * 0.97


def test_no_page_says_that_nothing_is_in_doubt_where_it_cannot_know() -> None:
    nothing = "Nothing: no row was invalid"
    assert nothing in page(report_of(created=1))
    held = page(report_of(in_doubt=2))
    assert nothing not in held
    assert "since an earlier run" in held
    taken_over = report_of()
    taken_over.counted = False
    assert nothing not in page(taken_over)
