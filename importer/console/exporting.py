"""What a person sees of an export of form responses: how many were read, and what became of them."""

from __future__ import annotations

from rich.console import Console

from importer.console.screen import lasting, note, text
from importer.console.watching import LineLog, ProgressDisplay
from importer.language import _, in_figures, ngettext
from importer.report import ExportReport


class ExportLog(LineLog):
    """Writes lines as a run does."""

    def _progress(self) -> tuple[str, dict[str, int]]:
        read = self._totals.read
        message = _("{read} of about {total} responses").format(
            read=in_figures(read), total=in_figures(self._rows)
        )
        message += f"; {self._trouble}" if self._trouble else ""
        return message, {"responses": read, "total": self._rows}


class ExportDisplay(ProgressDisplay):
    """A progress bar of responses."""

    def _done(self) -> int:
        return self._totals.read


def show_export(console: Console, report: ExportReport) -> None:
    """Print what an export did, and where the responses are."""
    for notice in report.notices:
        console.print(note(notice))
    requests = report.requests
    told = ngettext(
        "{responses} in {time}, with {count} request to {environment}",
        "{responses} in {time}, with {count} requests to {environment}",
        requests,
    ).format(
        responses=_read(report),
        time=lasting(report.seconds),
        count=in_figures(requests),
        environment=report.environment,
    )
    console.print(text(told, "bold"))
    if report.stopped is not None:
        console.print(text(_("Stopped early. {reason}").format(reason=report.stopped), "bold red"))
    for path in report.results:
        console.print(text(_("Written: {path}").format(path=path)), soft_wrap=True)


def log_export(log: LineLog, report: ExportReport) -> None:
    """Write the end of an export as lines."""
    for notice in report.notices:
        log.write("warning", "notice", notice)
    log.write(
        "info" if report.exit_code == 0 else "error",
        "ended",
        _("{responses}; exit code {code}").format(responses=_read(report), code=report.exit_code),
        **report.summary(),
    )


def _read(report: ExportReport) -> str:
    return ngettext("{count} response read", "{count} responses read", report.responses).format(
        count=in_figures(report.responses)
    )
