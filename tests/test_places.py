"""Where the files that a run writes go, and which places are refused before anything is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from importer.errors import UsageError
from importer.model import FormResponse
from importer.places import refuse_bad_export, refuse_bad_places, results_path, retry_path, stem_of
from importer.results import SUFFIXES, write_responses
from tests.support import Command, write_leads

LEDGER = Path("state/ledger.sqlite3")


def refusal(
    sources: list[Path | str],
    results: Path | None = None,
    summary: Path | None = None,
    report: Path | None = None,
) -> str:
    with pytest.raises(UsageError) as refused:
        refuse_bad_places([str(source) for source in sources], results, summary, LEDGER, report=report)
    return str(refused.value)


@pytest.mark.parametrize(
    ("source", "results", "retry"),
    [
        ("leads.csv", "leads.results.csv", "leads.retry.csv"),
        ("in/leads.tsv", "in/leads.results.csv", "in/leads.retry.csv"),
        ("leads.txt", "leads.results.csv", "leads.retry.csv"),
        ("leads.csv.gz", "leads.results.csv", "leads.retry.csv"),
        ("Leads.CSV.GZ", "Leads.results.csv", "Leads.retry.csv"),
        ("in/leads.xlsx", "in/leads.results.csv", "in/leads.retry.xlsx"),
        ("leads.ods", "leads.results.csv", "leads.retry.xlsx"),
        ("leads.2026.csv", "leads.2026.results.csv", "leads.2026.retry.csv"),
        ("-", "stdin.results.csv", "stdin.retry.csv"),
    ],
)
def test_results_and_rows_to_mend_stand_beside_the_input_under_its_name(
    source: str, results: str, retry: str
) -> None:
    assert results_path(source, [source], None) == Path(results)
    assert retry_path(source, [source], None) == Path(retry)


def test_rows_to_mend_stand_beside_results_that_were_given_a_place() -> None:
    given = Path("out/all.jsonl")
    assert results_path("in/leads.xlsx", ["in/leads.xlsx"], given) == given
    assert retry_path("in/leads.xlsx", ["in/leads.xlsx"], given) == Path("out/leads.retry.xlsx")
    assert retry_path("-", ["-"], given) == Path("out/stdin.retry.csv")


def test_files_that_would_share_a_name_keep_their_endings() -> None:
    sources = ["leads.csv", "leads.xlsx", "other.csv", "-"]
    assert [stem_of(source, sources) for source in sources] == ["leads.csv", "leads.xlsx", "other", "stdin"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_results_may_go_wherever_nothing_is_lost(suffix: str, tmp_path: Path) -> None:
    earlier = tmp_path / f"all{suffix.upper()}"
    earlier.write_text("of an earlier run")
    refuse_bad_places([str(tmp_path / "leads.csv"), "-"], earlier, tmp_path / "totals.json", LEDGER)


def test_results_have_an_ending_that_says_how_they_are_written(tmp_path: Path) -> None:
    message = refusal(["leads.csv"], tmp_path / "results.xls")
    assert ".csv, .jsonl, .xlsx" in message
    assert str(tmp_path / "results.xls") in message


@pytest.mark.parametrize("option", ["results", "summary"])
def test_an_input_is_never_replaced_by_what_is_written(option: str, tmp_path: Path) -> None:
    source = tmp_path / "leads.csv"
    source.touch()
    link = tmp_path / "link.csv"
    link.symlink_to(source)
    for output in (source, link, tmp_path / "." / "leads.csv"):
        message = refusal([source], **{option: output})
        assert "one of the files to read" in message
        assert str(output) in message


def test_an_input_that_has_the_name_of_another_ones_results_is_not_replaced(tmp_path: Path) -> None:
    assert "one of the files to read" in refusal([tmp_path / "a.csv", tmp_path / "a.results.csv"])
    assert "one of the files to read" in refusal([tmp_path / "a.csv", tmp_path / "a.retry.csv"])


def test_two_files_are_never_written_to_the_same_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    same_names: list[Path | str] = [tmp_path / "a" / "leads.csv", tmp_path / "b" / "leads.csv"]
    refuse_bad_places([str(source) for source in same_names], None, None, LEDGER)
    assert "one at a time" in refusal(same_names, tmp_path / "all.csv")
    leads = tmp_path / "leads.csv"
    assert "--summary" in refusal([leads], tmp_path / "all.csv", tmp_path / "all.csv")
    assert "--results" in refusal([leads], tmp_path / "leads.retry.csv")


def test_the_ledger_is_never_replaced_by_what_is_written(tmp_path: Path) -> None:
    assert "--ledger" in refusal([tmp_path / "leads.csv"], None, LEDGER)


def test_files_of_one_name_in_two_folders_keep_the_short_name() -> None:
    sources = ["a/leads.csv", "b/leads.csv"]
    assert [results_path(source, sources, None) for source in sources] == [
        Path("a/leads.results.csv"),
        Path("b/leads.results.csv"),
    ]


def test_a_folder_that_is_in_the_way_or_lacking_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "leads.results.csv").mkdir()
    assert "is a directory" in refusal([tmp_path / "leads.csv"])
    message = refusal([tmp_path / "more.csv"], None, tmp_path / "lacking" / "totals.json")
    assert f"there is no folder {tmp_path / 'lacking'}" in message


def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, int]] = []
    # The tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((path, mode)))
    assert "may not write to" in refusal([tmp_path / "leads.csv"])
    assert asked == [(tmp_path, os.W_OK)]


def test_a_report_is_a_page_of_html_in_a_place_of_its_own(tmp_path: Path) -> None:
    leads = tmp_path / "leads.csv"
    refuse_bad_places([str(leads)], None, None, LEDGER, report=tmp_path / "report.HTML")
    assert "Let the file's name end in .html" in refusal([leads], report=tmp_path / "report.pdf")
    assert "there is no folder" in refusal([leads], report=tmp_path / "none" / "report.html")
    both = tmp_path / "both.html"
    assert "--results, --summary, --report and --ledger" in refusal([leads], summary=both, report=both)


@pytest.mark.parametrize("command_line", [["report"], ["run", "leads.csv", "--env", "local", "--report"]])
def test_a_page_replaces_another_page_and_nothing_else(
    command: Command, tmp_path: Path, command_line: list[str]
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert command("run", "leads.csv", "--env", "local").code == 0
    last = ["-o"] if command_line == ["report"] else []
    page = tmp_path / "page.html"
    page.write_text("<p>Somebody's own page</p>", encoding="utf-8")
    ended = command(*command_line, *last, "page.html")
    assert ended.code == 2
    assert "page.html is there and is no report of a run" in " ".join(ended.errors.split())
    assert page.read_text(encoding="utf-8") == "<p>Somebody's own page</p>"
    assert command("report", "-o", "page.html", "--force").code == 0
    assert command(*command_line, *last, "page.html").code == 0


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
def test_an_export_replaces_another_export_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"leads{suffix}"
    refuse_bad_export(output, None)
    output.touch()
    refuse_bad_export(output, None)
    response = FormResponse("100000000000000000", "1", "2023-11-14T22:13:20Z", {"name": "An"})
    write_responses(output, lambda: [response])
    refuse_bad_export(output, None)
    output.write_text("customer_id,name\n1,An\n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no export of responses; it would be replaced"):
        refuse_bad_export(output, None)
    refuse_bad_export(output, None, replace=True)


def test_the_command_for_responses_replaces_leads_only_by_force(command: Command, tmp_path: Path) -> None:
    leads = write_leads(tmp_path / "leads.csv", 1)
    before = leads.read_bytes()
    asked = ("responses", "--form", "1", "--env", "local", "-o", "leads.csv")
    ended = command(*asked)
    assert (ended.code, leads.read_bytes()) == (2, before)
    assert command(*asked, "--force").code == 0
    assert command(*asked).code == 0
