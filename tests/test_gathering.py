"""What a folder or a pattern stands for: which files are leads, and which are not complete yet."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from importer.errors import SheetError
from importer.gathering import LONG_SECONDS, LOOK_AGAIN_SECONDS, YOUNG_SECONDS, Gathered, gather
from tests.support import aged, write_leads

NOW = time.time()


def filled(folder: Path, *names: str) -> Path:
    """Make files of these names in `folder`, changed an hour ago."""
    folder.mkdir(exist_ok=True)
    for name in names:
        aged(write_leads(folder / name, 1))
    return folder


def gathered(*sources: Path | str, now: float = NOW) -> Gathered:
    return gather([str(source) for source in sources]).settled(now)


def names(sources: list[str]) -> list[str]:
    return [Path(source).name for source in sources]


def test_of_a_folder_all_files_of_known_kinds_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    filled(
        tmp_path, "b.CSV", "a.xlsx", "c.tsv", "d.csv.gz", "notes.md", "leads.pdf", ".hidden.csv", "~$a.xls"
    )
    (tmp_path / "folder.csv").mkdir()
    found = gathered(tmp_path)
    assert names(found.files) == ["a.xlsx", "b.CSV", "c.tsv", "d.csv.gz"]
    assert found.found == set(found.files)
    assert (found.left, found.stuck, found.notices) == ([], [], [])


OWN = [
    *("leads.results.csv", "leads.results.xlsx", "leads.results.jsonl", "leads.results-2.csv"),
    *("leads.results.kept-1.csv", "leads.retry.csv", "leads.retry.xlsx", "leads.retry.kept-12.xlsx"),
    *("leads.csv.results.csv", "leads.retry.retry.csv", "leads.updated.csv"),
]


@pytest.mark.parametrize("name", OWN)
def test_what_the_importer_wrote_itself_is_no_file_of_leads(tmp_path: Path, name: str) -> None:
    beside = [f"{name.rsplit('.retry', 1)[0]}.tsv", "results.csv", "retry.xlsx"]
    filled(tmp_path, name, *beside)
    assert names(gathered(tmp_path).files) == beside
    assert names(gathered(tmp_path / "*").files) == beside


@pytest.mark.parametrize("name", ["leads.retry.csv", "leads.retry.xlsx", "leads.xlsx.retry.xlsx"])
def test_rows_to_mend_are_read_where_a_person_put_them_apart_from_their_leads(
    tmp_path: Path, name: str
) -> None:
    filled(tmp_path, name, "leads-2.csv")
    assert names(gathered(tmp_path).files) == ["leads-2.csv", name]


def test_rows_to_mend_are_read_where_the_pattern_asks_for_them(tmp_path: Path) -> None:
    filled(tmp_path, "a.retry.csv", "b.retry.csv", "a.csv")
    assert names(gathered(tmp_path / "*.retry.csv").files) == ["a.retry.csv", "b.retry.csv"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.xlsx", ["a.xlsx", "b.xlsx"]),
        ("?.csv", ["a.csv"]),
        ("[ab]*.xlsx", ["a.xlsx", "b.xlsx"]),
        ("**/*.csv", ["a.csv", "deep.csv"]),
        ("*.ods", []),
    ],
)
def test_a_pattern_is_expanded_here_too(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    filled(tmp_path, "a.xlsx", "b.xlsx", "a.csv")
    filled(tmp_path / "below", "deep.csv")
    found = gathered(tmp_path / pattern)
    assert names(found.files) == expected
    assert found.found == set(found.files)
    assert bool(found.notices) == (not expected)


def test_a_file_that_is_called_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    filled(tmp_path, "leads*.csv", "leads1.csv")
    found = gathered(tmp_path / "leads*.csv")
    assert (names(found.files), found.found) == (["leads*.csv"], set())


def test_brackets_alone_make_no_pattern_so_that_a_missing_file_is_told(tmp_path: Path) -> None:
    found = gathered(tmp_path / "leads[1].csv")
    assert (names(found.files), found.found) == (["leads[1].csv"], set())


def test_an_empty_folder_is_told_and_no_error(tmp_path: Path) -> None:
    found = gathered(tmp_path)
    assert found.files == []
    assert found.notices == [f"{tmp_path}: no file of leads is there, so there was nothing to do."]


def test_a_pattern_in_a_folder_that_is_not_there_is_an_error_as_of_a_drive_that_is_not_mounted(
    tmp_path: Path,
) -> None:
    with pytest.raises(SheetError, match=r"there is no folder .*nowhere"):
        gather([str(tmp_path / "nowhere" / "*" / "*.csv")])


def test_a_folder_that_nobody_may_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SheetError, match="cannot be read"):
        gather([str(tmp_path)])


def test_what_is_named_and_found_is_read_once_and_stays_a_named_one(tmp_path: Path) -> None:
    filled(tmp_path, "a.csv", "b.csv")
    found = gathered(tmp_path, tmp_path / "a.csv", tmp_path / "*.csv")
    assert names(found.files) == ["b.csv", "a.csv"]
    assert names(sorted(found.found)) == ["b.csv"]
    assert found.notices == []


def test_named_files_and_standard_input_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "~$a.csv").touch()
    (tmp_path / ".~lock.b.xlsx#").touch()
    sources = ["-", str(tmp_path / "nowhere.csv"), str(tmp_path / "~$a.csv"), str(tmp_path / "b.xlsx")]
    assert gathered(*sources).files == sources


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (0.0, LOOK_AGAIN_SECONDS),
        (YOUNG_SECONDS - 1, LOOK_AGAIN_SECONDS),
        (YOUNG_SECONDS + 1, 0.0),
        (-3600.0, LOOK_AGAIN_SECONDS),
    ],
)
def test_a_second_look_is_worth_a_wait_only_where_a_file_was_changed_lately(
    tmp_path: Path, age: float, seconds: float
) -> None:
    filled(tmp_path, "a.csv", "b.csv")
    os.utime(tmp_path / "b.csv", (NOW - age, NOW - age))
    assert gather([str(tmp_path)]).seconds_to_wait(NOW) == seconds
    assert gather([str(tmp_path / "b.csv")]).seconds_to_wait(NOW) == 0.0


def test_nobody_waits_for_a_file_that_is_left_anyway(tmp_path: Path) -> None:
    filled(tmp_path, "a.csv")
    write_leads(tmp_path / "b.csv.part", 1)
    write_leads(tmp_path / "c.csv", 1)
    (tmp_path / "~$c.csv").touch()
    assert gather([str(tmp_path)]).seconds_to_wait(NOW) == 0.0


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_changes_between_two_looks_is_left_for_the_next_run(tmp_path: Path, change: str) -> None:
    filled(tmp_path, "a.csv", "growing.csv")
    gathering = gather([str(tmp_path)])
    if change == "size":
        before = (tmp_path / "growing.csv").stat()
        write_leads(tmp_path / "growing.csv", 2)
        os.utime(tmp_path / "growing.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        aged(tmp_path / "growing.csv", 1)
    found = gathering.settled(NOW)
    assert names(found.files) == ["a.csv"]
    assert names(found.left) == ["growing.csv"]
    assert found.notices == [
        f"{tmp_path / 'growing.csv'} was left for the next run: it is still being written."
    ]


def test_a_file_that_is_gone_at_the_second_look_is_not_read(tmp_path: Path) -> None:
    filled(tmp_path, "a.csv")
    gathering = gather([str(tmp_path)])
    (tmp_path / "a.csv").unlink()
    found = gathering.settled(NOW)
    assert (found.files, found.left) == ([], [])


INCOMPLETE = [
    ("leads.xlsx", "~$leads.xlsx"),
    ("leads.xlsx", ".~lock.leads.xlsx#"),
    ("leads.xlsx", "leads.xlsx.part"),
    ("leads.csv", "leads.csv.filepart"),
    ("leads.csv", "leads.csv.crdownload"),
    ("leads.csv", "leads.csv.tmp"),
]


@pytest.mark.parametrize(("name", "sign"), INCOMPLETE)
def test_a_file_that_another_program_still_writes_is_left_for_the_next_run(
    tmp_path: Path, name: str, sign: str
) -> None:
    filled(tmp_path, name, sign)
    found = gathered(tmp_path / name.replace("leads", "*"))
    assert (found.files, names(found.left), found.stuck) == ([], [name], [])
    assert sign in found.notices[0]


def test_a_transfer_that_has_not_ended_is_left_even_where_nothing_else_shows_it(tmp_path: Path) -> None:
    filled(tmp_path, "leads.xlsx.part", "Unconfirmed 1234.crdownload", "~WRD0001.tmp")
    assert names(gathered(tmp_path).left) == ["leads.xlsx.part"]


@pytest.mark.parametrize(("name", "sign"), INCOMPLETE)
def test_what_was_left_for_a_day_is_told_as_trouble(tmp_path: Path, name: str, sign: str) -> None:
    filled(tmp_path, name, sign)
    later = NOW + LONG_SECONDS
    found = gathered(tmp_path / name.replace("leads", "*"), now=later)
    assert (found.files, found.left) == ([], [])
    assert "nothing has changed since" in str(found.stuck[0])
    os.utime(tmp_path / sign, (later - 60, later - 60))
    assert gathered(tmp_path / name.replace("leads", "*"), now=later).stuck == []
