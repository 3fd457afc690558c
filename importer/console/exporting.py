"""What a person sees of an export of form responses: how many were read, and what became of them."""

from __future__ import annotations

from rich.console import Console

from importer.console.screen import counted, lasting, text
from importer.console.watching import LineLog, ProgressDisplay
from importer.report import ExportReport


class ExportLog(LineLog):
    """Writes lines as a run does."""

    def _progress(self) -> tuple[str, dict[str, int]]:
        read = self._totals.read
        message = f"{read:,} of about {self._rows:,} responses{self._trouble}"
        return message, {"responses": read, "total": self._rows}


class ExportDisplay(ProgressDisplay):
    """A progress bar of responses."""

    def _done(self) -> int:
        return self._totals.read


def show_export(console: Console, report: ExportReport) -> None:
    """Print what an export did, and where the responses are."""
    for notice in report.notices:
        console.print(text(f"Note: {notice}", "yellow"))
    console.print(
        text(
            f"{counted(report.responses, 'response')} read in {lasting(report.seconds)}, with "
            f"{counted(report.requests, 'request')} to {report.environment}",
            "bold",
        )
    )
    if report.stopped is not None:
        console.print(text(f"Stopped early. {report.stopped}", "bold red"))
    for path in report.results:
        console.print(text(f"Written: {path}"), soft_wrap=True)


def log_export(log: LineLog, report: ExportReport) -> None:
    """Write the end of an export as lines."""
    for notice in report.notices:
        log.write("warning", "notice", notice)
    log.write(
        "info" if report.exit_code == 0 else "error",
        "ended",
        f"{counted(report.responses, 'response')} read; exit code {report.exit_code}",
        **report.summary(),
    )
