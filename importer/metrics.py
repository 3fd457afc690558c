"""Figures of the last run for Prometheus, in a file that the node exporter's textfile collector reads.

All are gauges, since each run replaces the file (naming: https://prometheus.io/docs/practices/naming/). They
have the labels ``env`` and ``command``, so that the jobs of several environments, and the updates of
statuses, can each have a file in one folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from importer.model import Command, OutcomeName
from importer.report import ImportReport
from importer.results.replacing import in_place_of, refusal

PREFIX = "lead_importer"
LAST_SUCCESS = f"{PREFIX}_last_success_timestamp_seconds"

# The node exporter is another user.
_MODE = 0o644


def metrics_text(report: ImportReport, now: float, last_success: float | None) -> bytes:
    """Return the figures of a run that ended at `now`, in Prometheus' text format.

    Times are in seconds since the epoch; `last_success` is when an earlier run ended with exit code 0.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def tell(name: str, meaning: str, value: float | None, **labels: str) -> None:
        if value is not None:
            gauge = Gauge(f"{PREFIX}_{name}", meaning, ("env", "command", *labels), registry=registry)
            gauge.labels(report.environment, report.command, *labels.values()).set(value)

    def tell_each(
        name: str, meaning: str, label: str, values: Mapping[OutcomeName, int] | Mapping[str, int]
    ) -> None:
        gauge = Gauge(f"{PREFIX}_{name}", meaning, ("env", "command", label), registry=registry)
        for kind, value in values.items():
            gauge.labels(report.environment, report.command, kind).set(value)

    succeeded = report.exit_code == 0
    totals = report.totals
    tell_each("rows", "Rows by how they ended.", "outcome", totals.outcomes)
    tell_each(
        "files",
        "Files that were imported, moved to the archive, left since they are not complete, or unreadable.",
        "state",
        {
            "imported": len(report.files),
            "archived": len(report.archived),
            "left": len(report.left),
            "refused": len(report.refused),
        },
    )
    tell("requests", "Requests that were sent.", totals.requests)
    tell("retries", "Attempts beyond the first of a row.", totals.retries)
    tell("duration_seconds", "How long the run took.", report.seconds)
    tell("exit_code", "What the process answered with; 0 when all went well.", report.exit_code)
    tell("last_run_timestamp_seconds", "When the last run ended.", now)
    tell(
        LAST_SUCCESS.removeprefix(f"{PREFIX}_"),
        "When a run last ended with exit code 0.",
        now if succeeded else last_success,
    )
    return generate_latest(registry)


def last_success_in(text: str, environment: str, command: Command) -> float | None:
    """Return when a run of `command` last ended well, as the file of an earlier one tells; None if not."""
    from prometheus_client.parser import text_string_to_metric_families

    # A file that somebody has changed is replaced like any other.
    with suppress(ValueError, KeyError, IndexError):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == LAST_SUCCESS and sample.labels == {"env": environment, "command": command}:
                    return sample.value
    return None


def write_metrics(path: Path, report: ImportReport, now: float) -> str:
    """Replace the file at `path`; return what to say if it cannot be, empty if it was done.

    `now` is in seconds since the epoch.
    """
    before = ""
    with suppress(OSError, UnicodeDecodeError):
        before = path.read_text(encoding="utf-8")
    content = metrics_text(report, now, last_success_in(before, report.environment, report.command))
    try:
        with in_place_of(path, mode=_MODE) as file:
            file.write(content)
    except OSError as error:
        return refusal(path, error)
    return ""
