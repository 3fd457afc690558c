"""The figures for Prometheus: read back by its own parser, and kept from one run to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from importer.errors import UsageError
from importer.metrics import LAST_SUCCESS, last_success_in, metrics_text, write_metrics
from importer.model import IMPORT_OUTCOMES, OutcomeName
from importer.report import ImportReport

NOON = 1_700_000_000.0


def report_of(*, exit_code: int = 0, environment: str = "production", **counts: int) -> ImportReport:
    report = ImportReport(
        run="r-1", environment=environment, base_url="u", files=["a.csv", "b.csv"], started_at=""
    )
    for name, count in counts.items():
        report.totals.outcomes[OutcomeName(name)] = count
        report.totals.read += count
    report.exit_code = exit_code
    return report


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return each sample by its name and what its other label says, all being of one environment."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            assert sample.timestamp is None
            kinds = [value for label, value in sample.labels.items() if label not in ("env", "command")]
            assert sample.labels["env"] == "production"
            assert sample.labels["command"] == "run"
            found[sample.name.removeprefix("lead_importer_"), "".join(kinds)] = sample.value
    return found


def test_all_figures_of_a_run_are_told() -> None:
    report = report_of(exit_code=1, created=7, invalid=2)
    report.totals.requests, report.totals.retries, report.seconds = 9, 2, 1.5
    report.archived, report.left = {"a.csv": Path("done/a.csv")}, ["c.csv", "d.csv"]
    report.refused = [UsageError("e.csv is empty.")]
    found = samples(metrics_text(report, NOON, NOON - 86400).decode())
    assert {outcome: found["rows", outcome] for outcome in IMPORT_OUTCOMES} == report.totals.outcomes
    assert {kind: found["files", kind] for kind in ("imported", "archived", "left", "refused")} == {
        "imported": 2,
        "archived": 1,
        "left": 2,
        "refused": 1,
    }
    assert {name: value for (name, kind), value in found.items() if not kind} == {
        "requests": 9,
        "retries": 2,
        "duration_seconds": 1.5,
        "exit_code": 1,
        "last_run_timestamp_seconds": NOON,
        "last_success_timestamp_seconds": NOON - 86400,
    }


def test_the_time_of_the_last_success_is_kept_while_runs_fail(tmp_path: Path) -> None:
    path = tmp_path / "leads.prom"
    assert write_metrics(path, report_of(exit_code=4), NOON) == ""
    assert ("last_success_timestamp_seconds", "") not in samples(path.read_text())
    write_metrics(path, report_of(), NOON + 1.25)
    for later in range(2, 5):
        write_metrics(path, report_of(exit_code=later), NOON + later)
        found = samples(path.read_text())
        assert found["last_success_timestamp_seconds", ""] == NOON + 1.25
        assert found["last_run_timestamp_seconds", ""] == NOON + later


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense {",
        f'{LAST_SUCCESS}{{env="sandbox",command="run"}} 1',
        f'{LAST_SUCCESS}{{env="production",command="update"}} 1',
        f'{LAST_SUCCESS}{{env="production",command="run"}} many',
        "\x00",
        f"{LAST_SUCCESS} 1",
    ],
)
def test_what_an_earlier_file_does_not_tell_is_not_known(text: str) -> None:
    assert last_success_in(text, "production", "run") is None


def test_an_update_that_went_well_is_no_import_that_did(tmp_path: Path) -> None:
    path = tmp_path / "leads.prom"
    update = report_of()
    update.command = "update"
    write_metrics(path, update, NOON)
    told = path.read_text()
    assert last_success_in(told, "production", "update") == NOON
    assert last_success_in(told, "production", "run") is None


def test_the_file_is_replaced_as_a_whole_and_readable_for_the_node_exporter(tmp_path: Path) -> None:
    path = tmp_path / "leads.prom"
    path.write_bytes(b"\xff")
    path.chmod(0o640)
    assert write_metrics(path, report_of(), NOON) == ""
    assert path.stat().st_mode & 0o777 == 0o640
    path.unlink()
    write_metrics(path, report_of(), NOON)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [found.name for found in tmp_path.iterdir()] == ["leads.prom"]


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "leads.prom").mkdir()
    assert "leads.prom" in write_metrics(tmp_path / "leads.prom", report_of(), NOON)
