"""Form responses to a file: page after page from the API into a journal, and from there into the output.

Pages are asked for downwards by id, so what comes in meanwhile moves nothing. Which ids were seen is known
(:mod:`importer.coverage`), so an export that was stopped goes on where it was, and first looks for what is
newer; a response is neither missing nor written twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from importer.access import api_of, credentials_of
from importer.calls import Caller
from importer.errors import ImporterError, StoppedError, UsageError, unexpected
from importer.identity import account_id
from importer.importing import hurry, run_name, system_time
from importer.interrupts import Interrupts
from importer.language import _, in_figures, ngettext
from importer.model import (
    Answer,
    CallEnd,
    CallEnding,
    Done,
    ErrorInfo,
    Failed,
    NoAnswer,
    NotAttempted,
    Place,
    Rejected,
    ResponsePage,
    TryAgain,
)
from importer.operations import list_responses, read_responses, utc_text
from importer.outputs import or_beside
from importer.places import refuse_bad_export
from importer.pool import Steering, Time, Watcher, answered
from importer.report import ExportReport, first_exit_code
from importer.response_journal import ResponseJournal
from importer.results import write_responses, write_summary
from importer.settings import Settings
from importer.transport import Transport

PAGE_LIMIT = 64 << 20
"""Bytes of a page that are read; 500 responses are some hundred thousand."""


class PendingPage(NamedTuple):
    """A page that is to be asked for."""

    place: Place
    """The forms, and in place of a row the number of the page in this run."""


class Exporter(Steering):
    """Reads all pages of some forms into a journal.

    It is used once: :meth:`run`, and meanwhile :meth:`stop`.
    """

    def __init__(self, settings: Settings, journal: ResponseJournal, *, watcher: Watcher, time: Time) -> None:
        # Each page tells where the next one begins, so one request at a time is all that there can be.
        super().__init__(1, settings.rate, watcher=watcher, time=time, outcomes=())
        self._settings = settings
        self._journal = journal
        self._pages = 0

    async def run(self, caller: Caller) -> None:
        """Ask for pages until all are in the journal, or the run is stopped."""
        self.totals.read = self._journal.count
        below: int | None = None
        try:
            while below != 0 and not self._stopping.is_set():
                below = await self._page(caller, below)
        except ImporterError as error:
            self.stop(error)
        except Exception as error:
            self.stop(unexpected(error))

    async def _page(self, caller: Caller, below: int | None) -> int | None:
        """Ask for the newest page below an id, keep it, and return below which id the next one is."""
        self._pages += 1
        forms = self._settings.form
        request = list_responses(forms, below=below, since=self._settings.since, until=self._settings.until)

        def read(answer: Answer | NoAnswer, now: float) -> CallEnding[ResponsePage]:
            return refuse_repeated(read_responses(answer, now), below)

        place = Place(_("responses to form {forms}").format(forms=", ".join(forms)), "", self._pages)
        end, _tries = await caller.call(PendingPage(place), request, read)
        if not isinstance(end, Done):
            self._give_up(end)
            return below
        if self._pages == 1:
            self._begin(end.answer.total)
        return self._keep(end.answer, below)

    def _keep(self, page: ResponsePage, below: int | None) -> int | None:
        coverage = self._journal.coverage
        found = {int(response.response_id): response for response in page.responses}
        if below is not None:
            found = {number: response for number, response in found.items() if number < below}
        # Without any, there is nothing left below.
        low = min(found, default=0)
        above = max(found, default=0) + 1 if below is None else below
        new = [found[number] for number in sorted(found, reverse=True) if not coverage.has(number)]
        self._journal.keep(low, above, new)
        self.totals.read += len(new)
        return coverage.next_below(low)

    def _give_up(self, end: CallEnd[ResponsePage]) -> None:
        match end:
            case Rejected(error):
                self.stop(
                    StoppedError(
                        _(
                            "The API refuses what was asked for ({error}): {message}. Check --form, --since "
                            "and --until."
                        ).format(error=answered(error), message=error.message)
                    )
                )
            case Failed(error):
                self.stop(
                    StoppedError(
                        _("A page could not be read in {attempts} tries ({error}): {message}.").format(
                            attempts=in_figures(self._settings.attempts),
                            error=answered(error),
                            message=error.message,
                        )
                    )
                )
            case NotAttempted() | Done():
                # The run is being stopped, for a reason that is known already.
                return


def refuse_repeated(ending: CallEnding[ResponsePage], below: int | None) -> CallEnding[ResponsePage]:
    """Return how an attempt ended; not with a page that has nothing below the id where it was to begin.

    To go on from it would ask for the same page for ever.
    """
    if not isinstance(ending, Done) or below is None or not ending.answer.responses:
        return ending
    if any(int(response.response_id) < below for response in ending.answer.responses):
        return ending
    return TryAgain(
        ErrorInfo(code="repeated_page", message=_("the API repeats a page instead of going on to the next"))
    )


async def export_responses(
    settings: Settings,
    *,
    watcher: Watcher,
    notices: Sequence[str] = (),
    time: Time | None = None,
    interrupts: Interrupts | None = None,
    name: str | None = None,
    replace: bool = False,
) -> ExportReport:
    """Export the responses to the forms that the settings name, and return what was done.

    `name` is what the run is called, if not :func:`importer.importing.run_name` is to say; `replace` lets the
    output replace a file that holds something else.
    Raises :class:`importer.errors.ImporterError` for what keeps it from beginning. What stops it later is
    told in the report, and what was read until then is kept for the next time.
    """
    time = time or system_time()
    output = settings.output
    if not settings.form:
        raise UsageError(_("No form is named. Name those whose responses are wanted: --form ID."))
    if output is None:
        raise UsageError(_("No file is named for the responses. Name one: -o responses.csv."))
    refuse_bad_export(output, settings.summary, replace=replace)
    credentials, lacking = credentials_of(settings)
    async with api_of(settings, credentials) as base_url:
        subject: dict[str, object] = {
            "environment": settings.env,
            "base_url": base_url,
            "account": account_id(credentials.client_key),
            "forms": sorted(settings.form),
            "since": settings.since,
            "until": settings.until,
        }
        report = ExportReport(
            run=name or run_name(time.clock()),
            environment=settings.env,
            base_url=base_url,
            forms=settings.form,
            since=settings.since,
            until=settings.until,
            started_at=utc_text(time.clock()),
            notices=[*notices, *lacking],
        )
        begun = time.timer()
        with ResponseJournal(output, subject) as journal:
            if journal.count:
                report.notices.append(
                    ngettext(
                        "It goes on where it was stopped, with {count} response.",
                        "It goes on where it was stopped, with {count} responses.",
                        journal.count,
                    ).format(count=in_figures(journal.count))
                )
            elif journal.discarded:
                report.notices.append(
                    _(
                        "An unfinished export of other forms, or of another period, to {output} was thrown "
                        "away."
                    ).format(output=output)
                )
            exporter = Exporter(settings, journal, watcher=watcher, time=time)
            transport = Transport(
                base_url,
                connections=1,
                answer_seconds=settings.timeout,
                proxy_from_environment=settings.proxy_from_environment,
                answer_limit=PAGE_LIMIT,
            )
            async with transport:
                if interrupts is not None:
                    interrupts.attach(exporter.stop, lambda: hurry(exporter, transport))
                await exporter.run(
                    Caller(
                        sender=transport,
                        credentials=credentials,
                        attempts=settings.attempts,
                        surroundings=exporter.surroundings(),
                    )
                )
            report.responses = journal.count
            report.requests, report.retries = exporter.totals.requests, exporter.totals.retries
            report.seconds = time.timer() - begun
            report.finished_at = utc_text(time.clock())
            await _conclude(report, exporter.stops, journal, output, settings)
    return report


async def _conclude(
    report: ExportReport,
    stops: list[ImporterError],
    journal: ResponseJournal,
    output: Path,
    settings: Settings,
) -> None:
    """Write the responses if all are there, and the summary in any case."""
    if stops:
        report.notices.append(
            ngettext(
                "{count} response is kept in {journal}, and {output} is as it was: run the same command "
                "again, and it goes on there.",
                "{count} responses are kept in {journal}, and {output} is as it was: run the same command "
                "again, and it goes on there.",
                report.responses,
            ).format(count=in_figures(report.responses), journal=journal.path, output=output)
        )
    else:
        try:
            path, told = await asyncio.to_thread(
                or_beside, output, lambda path: write_responses(path, journal.responses)
            )
        except ImporterError as error:
            stops.append(error)
        else:
            report.results.append(path)
            report.notices += told
            journal.remove()
    report.stopped = str(stops[0]) if stops else None
    report.exit_code = first_exit_code([stop.exit_code for stop in stops])
    if settings.summary is not None:
        try:
            write_summary(settings.summary, report.summary())
        except ImporterError as error:
            report.notices.append(str(error))
            report.exit_code = first_exit_code([report.exit_code, error.exit_code])
