"""The report of a run as one page of HTML, to open or to mail. Pure but for :func:`write_page`.

Whatever a file, a sheet or the API is called is text on the page, never HTML; and a policy in the page lets a
browser run no script and load nothing, whatever else should come to stand there. Rows are told by their
numbers: the page has no customer ids, names, phones or addresses.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from importer.advice import meaning, next_steps, rows_by_sheet
from importer.language import _, in_figures, spoken
from importer.model import OutcomeName
from importer.page.charts import Chart, charts_of
from importer.page.numbers import about, length, moment, share
from importer.printable import plain
from importer.report import Ended, ImportReport
from importer.results.pages import PAGE_SIGN
from importer.results.replacing import replacing

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent

# Further ones are rare, and the results have them.
_MOST_PROBLEMS = 40


class _Outcome(NamedTuple):
    name: OutcomeName
    called: str
    rows: str
    share: str
    part: float
    """In a hundred."""

    meaning: str


class _Problem(NamedTuple):
    outcome: OutcomeName
    called: str
    code: str
    rows: str
    message: str
    advice: str
    places: Sequence[str]
    more: str


def write_page(path: Path, report: ImportReport, *, dry_run: bool = False) -> None:
    """Write the report of a run as a page to `path`, in the language that is spoken.

    Raises :class:`importer.errors.ResultsError` if the file cannot be written.
    """
    html = page(report, dry_run=dry_run)
    with replacing(path, otherwise=_("`lead-importer report` writes it again.")) as file:
        file.write(html.encode())


def page(report: ImportReport, *, dry_run: bool = False) -> str:
    """Return the report of a run as a page of HTML, in the language that is spoken."""
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    steps = next_steps(report, dry_run=dry_run)
    if report.ended is Ended.KILLED:
        first = (
            _(
                "The run may not have come to every row. Run the same command again: what was set is not "
                "sent again."
            )
            if report.command == "update"
            else _(
                "The run may not have come to every row. Run the same command again: what was created is not "
                "sent again."
            )
        )
        steps = [first, *steps]
    problems = list(_problems(report))
    return _template().render(
        language=spoken(),
        sign=PAGE_SIGN.decode(),
        style=style,
        style_digest=b64encode(sha256(style.encode()).digest()).decode(),
        files=report.files,
        status=_status(report, dry_run=dry_run),
        state=_state(report, dry_run=dry_run),
        figures=_figures(report),
        facts=_facts(report),
        steps=steps,
        notices=[
            *report.notices,
            *(_("Not imported: {reason}").format(reason=refused) for refused in report.refused),
        ],
        outcomes=_outcomes(report),
        charts=_charts(report),
        unmeasured="" if report.measured else _unmeasured(report),
        problems=problems[:_MOST_PROBLEMS],
        more_problems=max(0, len(problems) - _MOST_PROBLEMS),
        tried_again=_tried_again(report),
        texts=_texts(report),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def visible(value: object) -> object:
        """Return a text without what nobody can see, and what is HTML already as it is."""
        if isinstance(value, str) and not isinstance(value, Markup):
            return plain(" ".join(value.split()))
        return value

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _texts(report: ImportReport) -> dict[str, str]:
    """Return what stands on every page, by what the template calls it."""
    update = report.command == "update"
    return {
        "title": _("Update of statuses") if update else _("Import of leads"),
        "steps": _("What to do next"),
        "outcomes": _("How the rows ended"),
        "outcome": _("Outcome"),
        "rows": _("Rows"),
        "share": _("Share"),
        "course": _("How the run went"),
        "problems": _("What went wrong, and where"),
        "none": _nothing_wrong(report),
        "more": _("Further kinds of problems are in the results."),
        "tried_again": _("Attempts that brought nothing, and left no doubt"),
        "reason": _("Reason"),
        "attempts": _("Attempts"),
        "notices": _("Notes"),
        "run": _("The run"),
        "privacy": _("This page holds no customer ids, names, phones or addresses, and loads nothing."),
    }


def _nothing_wrong(report: ImportReport) -> str:
    """Return what stands where no reasons are known."""
    if not report.counted:
        return _("It is not known any more: a later run has taken over its rows.")
    if report.totals.outcomes.get(OutcomeName.IN_DOUBT):
        return _(
            "Nothing new. The rows in doubt are so since an earlier run; lead-importer resolve lists them."
        )
    return _("Nothing: no row was invalid, rejected, failed or left in doubt.")


def _state(report: ImportReport, *, dry_run: bool) -> str:
    """Return the class of the status in the style sheet."""
    if report.ended is not Ended.FINISHED:
        return str(report.ended)
    if dry_run:
        return "dry"
    return "good" if report.exit_code == 0 else "mixed"


def _status(report: ImportReport, *, dry_run: bool) -> str:
    if report.ended is Ended.KILLED:
        return _("Killed before its end: the process was ended from outside, or the power went out.")
    if report.stopped is not None:
        return _("Stopped early. {reason}").format(reason=report.stopped)
    if not report.files:
        return (
            _("No file could be imported; the notes tell why.")
            if report.exit_code
            else _("There was nothing to do: no file of leads was there, or none that is complete.")
        )
    if dry_run:
        return _("A dry run: nothing was sent.")
    if report.command == "update":
        return (
            _("Finished, with rows whose status is not known to be set.")
            if report.exit_code
            else _("Finished: every status is set.")
        )
    if report.totals.outcomes[OutcomeName.IN_DOUBT]:
        return _("Finished, with rows in doubt.")
    if report.exit_code:
        return _("Finished, with rows that did not become applications.")
    return _("Finished: every row is created, existing or a duplicate.")


def _figures(report: ImportReport) -> list[tuple[str, str]]:
    """Return the numbers to see first, and what each counts."""
    totals = report.totals
    if not report.counted:
        return []
    found = [
        (in_figures(totals.read), _("rows read")),
        (in_figures(totals.outcomes[OutcomeName.UPDATED]), _("updated"))
        if report.command == "update"
        else (in_figures(totals.outcomes[OutcomeName.CREATED]), _("created")),
    ]
    if report.ended is not Ended.KILLED:
        found += [(length(report.seconds), _("long"))]
        if report.seconds > 0:
            found += [(about(totals.read / report.seconds), _("rows a second"))]
    if report.measured and (latency := report.measured.latency):
        found += [
            (length(latency.p50), _("latency, p50")),
            (length(latency.p95), _("latency, p95")),
            (length(latency.p99), _("latency, p99")),
        ]
    return found


def _facts(report: ImportReport) -> list[tuple[str, str]]:
    """Return what else is known of the run, and what each is called."""
    killed = report.ended is Ended.KILLED
    found = [
        (_("Name"), report.run),
        (_("Environment"), f"{report.environment} ({report.base_url})"),
        (_("Files"), ", ".join(report.files)),
        (_("Started"), moment(report.started_at)),
    ]
    if not killed:
        found += [
            (_("Ended"), moment(report.finished_at)),
            (_("Requests"), in_figures(report.totals.requests)),
            (_("Of them tries again"), in_figures(report.totals.retries)),
            (_("Exit code"), str(report.exit_code)),
        ]
    if report.results:
        found += [(_("Results"), ", ".join(map(str, report.results)))]
    if report.retry_files:
        found += [(_("Rows to mend"), ", ".join(map(str, report.retry_files)))]
    return found


def _outcomes(report: ImportReport) -> list[_Outcome]:
    read = report.totals.read
    return [
        _Outcome(
            outcome,
            _called(outcome),
            in_figures(count),
            share(count, read),
            round(count / read * 100, 2),
            meaning(outcome, report),
        )
        for outcome, count in report.totals.outcomes.items()
        if count
    ]


def _called(outcome: OutcomeName) -> str:
    # The names of outcomes stand in the results, and are not translated.
    return outcome.replace("_", " ")


def _charts(report: ImportReport) -> list[Chart]:
    return charts_of(report.measured, report.seconds, _called) if report.measured else []


def _unmeasured(report: ImportReport) -> str:
    if report.ended is not Ended.KILLED:
        if not report.files:
            return _("No row was read.")
        return _("An older lead-importer made this run, and measured nothing of it.")
    if report.command == "update":
        return _("An update that is killed leaves no measurements and no counts.")
    if not report.counted:
        return _("A run that is killed leaves no measurements, and a later run has taken over its rows.")
    return _("A run that is killed leaves no measurements. The rows are as the ledger has them now.")


def _problems(report: ImportReport) -> Iterator[_Problem]:
    for (outcome, code), count in report.reasons.counts.most_common():
        places = report.reasons.places[outcome, code]
        more = count - len(places)
        yield _Problem(
            outcome,
            _called(outcome),
            code,
            in_figures(count),
            report.reasons.messages[outcome, code],
            _advice(outcome, report),
            rows_by_sheet(places),
            _("and {count} more").format(count=in_figures(more)) if more > 0 else "",
        )


def _advice(outcome: OutcomeName, report: ImportReport) -> str:
    if report.command == "update":
        return _advice_of_update(outcome, report)
    match outcome:
        case OutcomeName.INVALID:
            return _("These rows were not sent. Mend them, and import them again.")
        case OutcomeName.REJECTED:
            return _(
                "The API refused these rows. Mend them, and import them again; unchanged they are sent only "
                "with --retry-rejected."
            )
        case OutcomeName.FAILED:
            return _("Nothing was created for these rows. Run the same command again.")
        case OutcomeName.IN_DOUBT:
            return _(
                "These rows may exist. lead-importer resolve lists their customers: look for them in the "
                "Tini console, and tell it what you found."
            )
        case _:
            return meaning(outcome, report)


def _advice_of_update(outcome: OutcomeName, report: ImportReport) -> str:
    match outcome:
        case OutcomeName.INVALID | OutcomeName.REJECTED:
            return _("Nothing was set for these rows. Mend them, and run the update again.")
        case OutcomeName.FAILED:
            return _(
                "Nothing is known to be set for these rows. Run the same command again; it does no harm."
            )
        case _:
            return meaning(outcome, report)


def _tried_again(report: ImportReport) -> list[tuple[str, str]]:
    if report.measured is None:
        return []
    ordered = sorted(report.measured.tried_again.items(), key=lambda item: -item[1])
    return [(code, in_figures(count)) for code, count in ordered]
