"""What `check` counts: problems, warnings and repairs, each with the rows where they stand."""

from __future__ import annotations

from pathlib import Path

from importer.checking import EXAMPLES, CheckReport, RemarkKind, check_files
from importer.intake import Selection
from importer.model import Place
from tests.support import write_leads

HEADER = "customer_id,name,phone,address\n"


def checked(*paths: Path, limit: int | None = None, **said: object) -> CheckReport:
    selection = Selection(**said)  # type: ignore[arg-type]
    return check_files([str(path) for path in paths], selection, limit=limit)


def written(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def counted(kinds: list[RemarkKind]) -> list[tuple[str, str, int, list[int]]]:
    return [(kind.code, kind.column, kind.rows, [span.first for span in kind.spans]) for kind in kinds]


def test_problems_warnings_and_repairs_are_counted_apart(tmp_path: Path) -> None:
    report = checked(
        written(tmp_path / "leads.csv", "1,An,901234433,x", "2,Bo,0901,x", "3,Ca,841234433,x", "4.0,Du,+1,x")
    )
    assert counted(report.problems) == [("ambiguous_phone", "phone", 1, [4])]
    assert counted(report.warnings) == [("implausible_phone", "phone", 2, [3, 5])]
    assert counted(report.repairs) == [("lost_zero", "phone", 1, [2]), ("decimals", "customer_id", 1, [5])]
    assert (report.to_send, report.exit_code) == (3, 1)


def test_warnings_and_repairs_alone_do_not_fail_the_check(tmp_path: Path) -> None:
    assert checked(written(tmp_path / "leads.csv", "1,An,901234433,x", "2,Bo,0901,x")).exit_code == 0


def test_a_phone_under_two_customers_is_told_across_files_however_it_is_written(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", "1,An,0901234433,x", "1,An,0901234433,y", "2,Bo,0912345678,x")
    second = written(tmp_path / "b.csv", "3,Ca,+84901234433,x", "1,An,901234433,z")
    (shared,) = checked(first, second).warnings
    assert (shared.code, shared.column, shared.rows) == ("shared_phone", "phone", 1)
    assert [(span.source, span.first) for span in shared.spans] == [(str(second), 2)]


def test_the_same_lead_twice_is_a_duplicate_and_no_shared_phone(tmp_path: Path) -> None:
    report = checked(written(tmp_path / "leads.csv", "1,An,0901234433,x", "1,An,84901234433,x"))
    assert counted(report.problems) == [("duplicate", "", 1, [3])]
    assert (report.duplicates, report.warnings) == (1, [])


def test_an_empty_phone_that_may_be_empty_is_shared_by_nobody(tmp_path: Path) -> None:
    template = tmp_path / "own.toml"
    template.write_text(
        'title = "x"\nfields = ["name", {name = "phone", required = false}]', encoding="utf-8"
    )
    path = written(tmp_path / "leads.csv", "1,An,,x", "2,Bo,,x")
    report = checked(path, template=str(template))
    assert (report.to_send, report.warnings) == (2, [])


def test_a_limit_ends_the_check_after_so_many_leads(tmp_path: Path) -> None:
    assert checked(write_leads(tmp_path / "leads.csv", 9), limit=4).read == 4


def test_of_a_kind_with_a_limit_the_first_rows_are_kept_and_the_others_counted() -> None:
    kind = RemarkKind("lost_zero", "phone", "", EXAMPLES)
    for row in range(0, 4 * EXAMPLES, 2):
        kind.add(Place("leads.csv", "", row))
    assert (len(kind.spans), kind.rows, kind.rows_left_out) == (EXAMPLES, 2 * EXAMPLES, EXAMPLES)


def test_rows_that_follow_each_other_are_one_span_whatever_the_limit() -> None:
    kind = RemarkKind("lost_zero", "phone", "", 1)
    for row in range(2, 1000):
        kind.add(Place("leads.csv", "", row))
    assert [(span.first, span.last) for span in kind.spans] == [(2, 999)]
    assert kind.rows_left_out == 0
