"""A ledger that is lost, or not the one that was used: nothing is sent that may be created already."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]

from importer.ledger import Known
from importer.ledger.told import Standing, Told, ToldRow
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.model import Application, Place
from importer.results import added_fields
from importer.results.added import OUTCOME_WIDTHS
from tests.support import (
    HEADERS,
    Command,
    api_beside,
    customers,
    local,
    outcomes_in,
    read_results,
    set_faults,
    write_leads,
)


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


def lose_ledger(folder: Path) -> None:
    for path in folder.glob("ledger.sqlite3*"):
        path.unlink()


def test_results_that_the_ledger_does_not_know_keep_everything_from_being_sent(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    assert command("run", "leads.csv", *local(api, tmp_path, "--limit", "2")).code == 0
    before = (tmp_path / "leads.results.csv").read_bytes()
    lose_ledger(tmp_path)
    ended = command("run", "leads.csv", *local(api, tmp_path))
    assert ended.code == 2
    message = " ".join(ended.errors.split())
    assert "leads.results.csv tells of leads that were sent (2, the first in row 2)" in message
    assert "--adopt leads.results.csv" in message
    assert len(customers(api)) == 2
    assert (tmp_path / "leads.results.csv").read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
def test_what_was_created_or_in_doubt_is_taken_over_from_results_in_each_format(
    command: Command, api: LocalApi, tmp_path: Path, suffix: str
) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    set_faults(api, "drop-after:customer=1001")
    results = f"leads.results{suffix}"
    assert command("run", "leads.csv", *local(api, tmp_path, "--limit", "2", "--results", results)).code == 3
    lose_ledger(tmp_path)
    set_faults(api)
    assert command("run", "leads.csv", *local(api, tmp_path, "--results", results)).code == 2
    adopted = command("run", "leads.csv", *local(api, tmp_path, "--adopt", results))
    assert adopted.code == 3
    assert outcomes_in(tmp_path / "leads.results.csv") == ["existing", "in_doubt", "created"]
    existing, doubtful, _ = read_results(tmp_path / "leads.results.csv")
    first = api.applications[0]
    assert (existing["application_id"], existing["created_at"]) == (first.id, first.created_at)
    assert doubtful["error_code"] == "adopted_doubt"
    assert customers(api) == ["1000", "1001", "1002"]
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 3
    assert command("resolve", "leads.csv", "--not-created", "3", "--ledger", "ledger.sqlite3").code == 0
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    assert customers(api) == ["1000", "1001", "1002", "1001"]


def test_the_users_own_workbook_of_results_is_adopted_too(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    book = Workbook()
    book.active.append(HEADERS)
    for number in (1, 2):
        book.active.append([str(number), "An", f"090123456{number}", "x"])
    book.save(tmp_path / "leads.xlsx")
    own = ("--results", "own.xlsx")
    assert command("run", "leads.xlsx", *local(api, tmp_path, "--limit", "1", *own)).code == 0
    assert "outcome" in [cell.value for cell in load_workbook(tmp_path / "own.xlsx").active[1]]
    lose_ledger(tmp_path)
    assert command("run", "leads.xlsx", *local(api, tmp_path, *own)).code == 2
    assert command("run", "leads.xlsx", *local(api, tmp_path, "--adopt", "own.xlsx")).code == 0
    assert outcomes_in(tmp_path / "leads.results.csv") == ["existing", "created"]
    assert customers(api) == ["1", "2"]


def test_rows_that_moved_are_found_by_their_customer_and_none_is_forgotten(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    path = write_leads(tmp_path / "leads.csv", 3)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    lose_ledger(tmp_path)
    header, first, second, third = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header, second, first]), encoding="utf-8")
    adopt = ("run", "leads.csv", *local(api, tmp_path, "--adopt", "leads.results.csv"))
    refused = command(*adopt)
    assert refused.code == 2
    assert "stand in none of the files (1, the first in leads.csv, row 4)" in " ".join(refused.errors.split())
    path.write_text("\n".join([header, third, second, first]), encoding="utf-8")
    assert command(*adopt).code == 0
    assert outcomes_in(tmp_path / "leads.results.csv") == ["existing"] * 3
    assert len(customers(api)) == 3


def test_adopting_is_for_whole_files(command: Command, api: LocalApi, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    lose_ledger(tmp_path)
    ended = command("run", "leads.csv", *local(api, tmp_path, "--adopt", "leads.results.csv", "--limit", "1"))
    assert (ended.code, "Leave --limit out" in ended.errors) == (2, True)


def test_an_older_copy_of_the_ledger_does_not_know_what_came_later(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    assert command("run", "leads.csv", *local(api, tmp_path, "--limit", "1")).code == 0
    older = (tmp_path / "ledger.sqlite3").read_bytes()
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    (tmp_path / "ledger.sqlite3").write_bytes(older)
    ended = command("run", "leads.csv", *local(api, tmp_path))
    assert (ended.code, len(customers(api))) == (2, 2)
    assert "(1, the first in row 3)" in " ".join(ended.errors.split())


def test_a_limited_run_does_not_take_away_what_results_tell(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    path = write_leads(tmp_path / "leads.csv", 3)
    run = ("run", "leads.csv", *local(api, tmp_path))
    assert command(*run).code == 0
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    new = "7,An,0901234567,x"
    path.write_text("\n".join([header, new, *rows]), encoding="utf-8")
    limited = command(*run, "--limit", "1")
    assert "leads.results.kept-1.csv has those of before" in limited.errors
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created"]
    lose_ledger(tmp_path)
    assert command(*run, "--adopt", "leads.results.csv").code == 2
    both = ("--adopt", "leads.results.csv", "--adopt", "leads.results.kept-1.csv")
    assert command(*run, *both).code == 0
    assert customers(api) == ["1000", "1001", "1002", "7"]


def test_a_dry_run_tells_of_it_and_goes_on(command: Command, api: LocalApi, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    lose_ledger(tmp_path)
    ended = command("run", "leads.csv", *local(api, tmp_path, "--dry-run", "--log-format", "text"))
    assert ended.code == 0
    assert "tells of leads that were sent" in ended.output


def test_another_file_in_the_place_of_results_is_not_replaced(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    (tmp_path / "leads.results.csv").write_text("a,b\n1,2\n")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 2
    assert (tmp_path / "leads.results.csv").read_text() == "a,b\n1,2\n"
    (tmp_path / "leads.results.csv").rename(tmp_path / "leads.results.old.csv")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0


@pytest.mark.parametrize("name", ["leads.results-2.csv", "leads.csv.results.csv"])
def test_results_of_another_name_are_asked_as_well(
    command: Command, api: LocalApi, tmp_path: Path, name: str
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    lose_ledger(tmp_path)
    (tmp_path / "leads.results.csv").rename(tmp_path / name)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 2
    assert customers(api) == ["1000"]


def test_leads_that_come_back_with_their_outcomes_are_asked_as_well(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    book = Workbook()
    book.active.append(HEADERS)
    book.active.append(["1", "An", "0901234561", "x"])
    book.save(tmp_path / "leads.xlsx")
    assert command("run", "leads.xlsx", *local(api, tmp_path, "--results", "own.xlsx")).code == 0
    assert command("run", "own.xlsx", *local(api, tmp_path)).code == 0
    for path in tmp_path.glob("own.results*"):
        path.unlink()
    lose_ledger(tmp_path)
    assert command("run", "own.xlsx", *local(api, tmp_path)).code == 2
    assert customers(api) == ["1"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "a,b\n1,2\n"),
        ("x.jsonl", '{"a": 1}\n'),
        ("x.jsonl", "[]\n"),
        ("x.jsonl", "no"),
        ("y.jsonl", None),
    ],
)
def test_what_holds_no_results_cannot_be_adopted(
    command: Command, api: LocalApi, tmp_path: Path, name: str, content: str | None
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    if content is not None:
        (tmp_path / name).write_text(content)
    ended = command("run", "leads.csv", *local(api, tmp_path, "--adopt", name))
    assert ended.code == 2
    assert name in ended.errors
    assert customers(api) == []


def told_row(source: str, row: int, customer_id: str, application_id: str = "") -> ToldRow:
    application = Application(application_id=application_id, status="", created_at="")
    return ToldRow(Place(source, "", row), customer_id, Known(application if application_id else None))


def standing(*rows: tuple[int, str, bytes]) -> dict[str, Standing]:
    customers: dict[str, Standing] = {}
    for row, customer_id, key in rows:
        known = customers.setdefault(customer_id, Standing())
        known.places.add(Place("new/leads.csv", "", row))
        known.keys.add(key)
    return customers


def taken(told: Told, *rows: tuple[int, str]) -> list[str | None]:
    """Return the id of the application that each row is taken for; nothing for one in doubt."""
    found = (told.take(Place("new/leads.csv", "", row), customer) for row, customer in rows)
    return [
        None if known is None else known.application.application_id if known.application else ""
        for known in found
    ]


def test_the_only_lead_of_a_customer_is_found_wherever_it_moved() -> None:
    told = Told([told_row("old/leads.csv", 2, "7", "71")], standing((5, "7", b"a"), (2, "8", b"b")))
    assert taken(told, (5, "7"), (2, "8")) == ["71", None]
    assert told.astray() == []


def test_several_leads_of_a_customer_are_told_apart_by_places_as_long_as_nothing_moved() -> None:
    rows = [told_row("leads.csv", 3, "7", "72"), told_row("leads.csv", 4, "8", "81")]
    still = Told(rows, standing((2, "7", b"a"), (3, "7", b"b"), (4, "8", b"c")))
    assert taken(still, (2, "7"), (3, "7"), (4, "8")) == [None, "72", "81"]
    moved = Told(rows, standing((2, "8", b"c"), (3, "7", b"a"), (4, "7", b"b")))
    assert taken(moved, (2, "8"), (3, "7"), (4, "7")) == ["81", "", ""]


def test_a_customer_who_was_changed_on_the_way_leaves_the_lead_in_doubt() -> None:
    rows = [
        told_row("leads.csv", 2, "412", "1"),
        told_row("", 3, "5", "2"),
        told_row("leads.csv", 9, "6", "3"),
    ]
    told = Told(rows, standing((2, "000412", b"a"), (3, "5", b"b")))
    assert taken(told, (2, "000412"), (3, "5")) == ["", "2"]
    assert told.astray() == [rows[2]]


def test_an_application_that_several_results_tell_of_is_one() -> None:
    told = Told(
        [told_row("a.csv", 2, "7", "71"), told_row("b.csv", 2, "7", "71")],
        standing((2, "7", b"a"), (3, "7", b"b")),
    )
    assert told.of_customer("7") == 1


def test_added_columns_are_known_by_their_names_whatever_number_a_table_gave_them() -> None:
    numbered = [f"{name}_3" if name in ("status", "application_id") else name for name in OUTCOME_WIDTHS]
    fields = added_fields(["customer_id", "status", "status_2", *numbered])
    assert list(fields) == list(OUTCOME_WIDTHS)
    assert list(fields.values()) == list(range(3, 3 + len(OUTCOME_WIDTHS)))


def test_rows_of_several_files_in_one_results_file_are_told_apart(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "a.csv", 2)
    write_leads(tmp_path / "b.csv", 2, first=2000)
    both = ("run", "a.csv", "b.csv", *local(api, tmp_path))
    assert command(*both, "--results", "all.csv").code == 0
    lose_ledger(tmp_path)
    assert command(*both, "--adopt", "all.csv").code == 0
    assert customers(api) == ["1000", "1001", "2000", "2001"]


def test_adopting_the_results_of_one_file_leaves_the_others_guarded(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "a.csv", 1)
    write_leads(tmp_path / "b.csv", 1, first=2000)
    both = ("run", "a.csv", "b.csv", *local(api, tmp_path))
    assert command(*both).code == 0
    lose_ledger(tmp_path)
    ended = command(*both, "--adopt", "a.results.csv")
    assert ended.code == 2
    assert "b.results.csv tells of leads" in ended.errors
    assert command(*both, "--adopt", "a.results.csv", "--adopt", "b.results.csv").code == 0
    assert customers(api) == ["1000", "2000"]


@pytest.mark.parametrize("suffix", [".jsonl", ".xlsx"])
def test_damaged_results_are_not_taken_for_something_else(
    command: Command, api: LocalApi, tmp_path: Path, suffix: str
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    run = ("run", "leads.csv", *local(api, tmp_path, "--results", f"r{suffix}"))
    assert command(*run).code == 0
    lose_ledger(tmp_path)
    results = tmp_path / f"r{suffix}"
    results.write_bytes(results.read_bytes()[:-40])
    ended = command(*run)
    assert ended.code == 2
    assert "may tell of leads that were sent, and cannot be understood" in " ".join(ended.errors.split())
    assert len(customers(api)) == 2


def test_an_older_copy_of_the_ledger_does_not_know_a_later_doubt(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    assert command("run", "leads.csv", *local(api, tmp_path, "--limit", "1")).code == 0
    older = (tmp_path / "ledger.sqlite3").read_bytes()
    set_faults(api, "drop-after:customer=1001")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 3
    set_faults(api)
    (tmp_path / "ledger.sqlite3").write_bytes(older)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 2
    assert customers(api) == ["1000", "1001"]


def test_a_ledger_that_has_only_rehearsed_does_not_know_a_doubt_of_another_environment(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    rehearsed = (tmp_path / "ledger.sqlite3").read_bytes()
    (tmp_path / ".env").write_text(
        f"LEAD_IMPORTER_CLIENT_KEY={LOCAL_CREDENTIALS.client_key}\n"
        f"LEAD_IMPORTER_CLIENT_SECRET={LOCAL_CREDENTIALS.client_secret.decode()}\n"
    )
    set_faults(api, "drop-after")
    sandbox = ("--env", "sandbox", "--base-url", api.base_url, "--ledger", "ledger.sqlite3")
    assert command("run", "leads.csv", *sandbox).code == 3
    (tmp_path / "ledger.sqlite3").write_bytes(rehearsed)
    set_faults(api)
    assert command("run", "leads.csv", *sandbox).code == 2
    assert customers(api) == ["1000", "1000"]


def test_results_that_a_spreadsheet_saved_again_are_known_by_the_ledger(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    set_faults(api, "drop-after:customer=1001")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 3
    results = tmp_path / "leads.results.csv"
    results.write_bytes(results.read_bytes() + b"\r\n")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 3
    assert command("resolve", "leads.csv", "--not-created", "all", "--ledger", "ledger.sqlite3").code == 0
    results.write_bytes(results.read_bytes() + b"\r\n")
    set_faults(api)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("application_id", "1.79559853910144E+17", "the application id is not as it was written"),
        ("row", "2.0", "does not tell which row"),
        ("customer_id", "", "does not tell which row or customer"),
        ("outcome", "done", "there is no outcome 'done'"),
    ],
)
def test_results_that_were_changed_on_the_way_are_not_adopted(
    command: Command, api: LocalApi, tmp_path: Path, column: str, value: str, fault: str
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    lose_ledger(tmp_path)
    results = tmp_path / "leads.results.csv"
    (line,) = read_results(results)
    line[column] = value
    with results.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, line)
        writer.writeheader()
        writer.writerow(line)
    ended = command("run", "leads.csv", *local(api, tmp_path, "--adopt", "leads.results.csv"))
    assert ended.code == 2
    assert fault in " ".join(ended.errors.split())
    assert customers(api) == ["1000"]


def test_a_lead_that_was_changed_in_the_users_own_workbook_is_not_taken_for_another(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    book = Workbook()
    book.active.append(HEADERS)
    book.active.append(["1", "An", "0901234561", "x"])
    book.active.append(["2", "Bình", "0901234562", "x"])
    book.save(tmp_path / "leads.xlsx")
    assert command("run", "leads.xlsx", *local(api, tmp_path, "--results", "own.xlsx")).code == 0
    lose_ledger(tmp_path)
    book.active["A2"] = "3"
    book.save(tmp_path / "leads.xlsx")
    assert command("run", "leads.xlsx", *local(api, tmp_path, "--adopt", "own.xlsx")).code == 3
    assert outcomes_in(tmp_path / "leads.results.csv") == ["in_doubt", "existing"]
