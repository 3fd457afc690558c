"""Files to leads that can be enrolled: opening, choosing the mapping, and what each row is for the ledger.

All files are opened and mapped before the first row is read, so that nothing is sent when one that was named
is not what it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from importer.errors import MappingError, SheetError, UsageError
from importer.identity import lead_key, lead_keys
from importer.language import _
from importer.ledger import Entry
from importer.ledger.told import Told
from importer.mapping import SheetMapping, choose_mapping, header_score
from importer.model import ErrorInfo, InvalidRow, Lead, Row, RowProblem
from importer.results import COLUMNS, added_columns
from importer.settings import Settings
from importer.sheets import STANDARD_INPUT, HeaderScore, Sheet, open_sheets
from importer.sheets.cells import too_many_cells
from importer.sources import is_of_program
from importer.templates import Template, find_template, shipped_templates

CHUNK_ROWS = 1000
"""Rows that are read, mapped and enrolled together: enough to share a transaction, few to keep in memory."""


@dataclass(frozen=True, slots=True)
class Input:
    """One sheet, and which of its columns is what."""

    sheet: Sheet
    mapping: SheetMapping
    path: str
    """The file wherever one stands; a source that is no file by its name."""

    with_outcomes: bool = False
    """Whether the sheet has the outcomes of an earlier run beside its leads."""

    def leads(self) -> Iterator[list[tuple[Row, Lead | InvalidRow]]]:
        """Yield the rows of the sheet and what they are, in lists of :data:`CHUNK_ROWS`."""
        for rows in self.sheet.chunks(CHUNK_ROWS):
            yield list(zip(rows, self.mapping.leads(rows), strict=True))


@dataclass(frozen=True, slots=True)
class Identity:
    """What besides its own content makes a lead the same as another one."""

    account: str
    environment: str

    def key_of(self, lead: Lead) -> bytes:
        """Return the key of `lead` in the ledger."""
        return lead_key(self.account, self.environment, lead.customer_id, lead.inputs)

    def keys_of(self, leads: Sequence[Lead]) -> list[bytes]:
        """Return the keys of `leads`, as :meth:`key_of` does of each."""
        return lead_keys(self.account, self.environment, [(lead.customer_id, lead.inputs) for lead in leads])


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the person said about the files."""

    template: str | None = None
    columns: Mapping[str, str] | None = None
    sheets: Sequence[str] = ()
    encoding: str | None = None
    repair: bool = True
    """Whether values are repaired."""

    strict: bool = False
    """Whether a warning keeps a row from being sent."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings say."""
        return cls(
            template=settings.template,
            columns=settings.map,
            sheets=settings.sheet,
            encoding=settings.encoding,
            repair=not settings.no_repair,
            strict=settings.strict,
        )

    def templates(self) -> Sequence[Template]:
        """Return the templates to choose from. Raises :class:`TemplateError` if the one named is none."""
        return (
            [find_template(self.template)]
            if self.template is not None
            else list(shipped_templates().values())
        )


@dataclass(slots=True)
class Opened:
    """Files that were opened."""

    inputs: list[Input] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    refused: list[UsageError] = field(default_factory=list)
    """Why files that were found, or sheets of them with rows of leads, are left out."""

    partly: set[str] = field(default_factory=set)
    """Paths of files that were found of which a sheet with rows of leads is left out."""


def open_inputs(
    sources: Sequence[str], selection: Selection, *, spool: Path | None = None
) -> tuple[list[Input], list[str]]:
    """Open the files named `sources`, and return their sheets and what the person should know of them.

    See :func:`open_files`; whatever is wrong with a file is raised.
    """
    opened = open_files(sources, selection, spool=spool)
    return opened.inputs, opened.notices


def open_files(
    sources: Sequence[str],
    selection: Selection,
    *,
    spool: Path | None = None,
    found: Set[str] = frozenset(),
) -> Opened:
    """Open the files named `sources`, of which the `found` ones came from a folder or a pattern.

    `spool` is where the bytes of standard input are. Raises :class:`UsageError` for a file that is given
    twice, cannot be read, or has no sheet with the columns of a template, unless it is a `found` one, which
    does not keep the others from being imported. A file of results is left out.

    A sheet beside others that fit is left out with a notice. Of a `found` file nobody reads that, so there a
    sheet that has rows and some columns of leads is refused.
    """
    templates = selection.templates()
    score = header_score(templates, selection.columns)
    opened = Opened()
    seen: set[str] = set()
    for source in sources:
        if is_of_program(source):
            raise SheetError(
                _(
                    "{source} is the name of leads that a program gave, and only that program can import "
                    "them. Write ./{source} if it is a file."
                ).format(source=source)
            )
        path = path_of(source)
        if path in seen:
            raise UsageError(_("{source} is given twice. Name each file once.").format(source=source))
        seen.add(path)
        try:
            inputs, notices, lacking = _open_file(source, selection, templates, score, spool)
        except (SheetError, MappingError) as error:
            if isinstance(error, MappingError):
                error.file = source
            if source not in found:
                raise
            opened.refused.append(error)
        else:
            opened.inputs += inputs
            opened.notices += notices
            if source not in found:
                opened.notices += [_left_out(error) for error in lacking]
            elif lacking:
                opened.refused += lacking
                opened.partly.add(path)
    if not opened.inputs and not found >= set(sources):
        raise SheetError(_("{notices} Name a file of leads.").format(notices=" ".join(opened.notices)))
    return opened


def _open_file(
    source: str,
    selection: Selection,
    templates: Sequence[Template],
    score: HeaderScore,
    spool: Path | None,
) -> tuple[list[Input], list[str], list[MappingError]]:
    """Return the sheets of one file, none if it holds results, what to know of them, and what others lack."""
    sheets = open_sheets(
        source,
        path=spool if source == STANDARD_INPUT else None,
        encoding=selection.encoding,
        sheets=selection.sheets,
        score=score,
    )
    if sheets[0].headers == COLUMNS:
        # `run *.csv` finds what an earlier run has written.
        return (
            [],
            [_("{source} was left out: it holds the results of a run, not leads.").format(source=source)],
            [],
        )
    notices = [notice for sheet in sheets for notice in sheet.notices]
    found, more, lacking = _mapped(
        list(map(without_added, sheets)), path_of(source), templates, selection, score
    )
    outcomes = {sheet.name for sheet in sheets if added_columns(sheet.headers)}
    inputs = [replace(given, with_outcomes=given.sheet.name in outcomes) for given in found]
    return inputs, [*notices, *more], lacking


def without_added(sheet: Sheet) -> Sheet:
    """Return a sheet without the columns that an earlier run has added: it is what it was before.

    So they are no fields, a row with nothing else in it is blank, and text that stood right of the last
    header does so again.
    """
    added = added_columns(sheet.headers)
    if not added:
        return sheet
    own = [index for index in range(len(sheet.headers)) if index not in added]
    while own and not sheet.headers[own[-1]]:
        own.pop()
    headers = tuple(sheet.headers[index] for index in own)
    right = [index for index in range(own[-1] + 1 if own else 0, len(sheet.headers)) if index not in added]
    strange = {sheet.headers[index] for index in added} - {*headers}

    def read() -> Iterator[list[Row]]:
        for rows in sheet.read():
            yield [own_row for row in rows if (own_row := cut(row))]

    def cut(row: Row) -> Row | None:
        cells = tuple(row.cells[index] for index in own)
        problems = tuple(problem for problem in row.problems if problem.column not in strange)
        rest = (*(row.cells[index] for index in right), *row.rest)
        if any(rest) and not row.rest:
            problems += (too_many_cells(len(headers)),)
        return Row(row.place, cells, problems, rest) if problems or any(cells) else None

    letters = tuple(sheet.letters[index] for index in own)
    return replace(sheet, headers=headers, letters=letters, read=read)


def path_of(source: str) -> str:
    """Return the file named `source` wherever one stands; what is no file stays what it is."""
    return source if source == STANDARD_INPUT or is_of_program(source) else str(Path(source).resolve())


def _mapped(
    sheets: Sequence[Sheet],
    path: str,
    templates: Sequence[Template],
    selection: Selection,
    score: HeaderScore,
) -> tuple[list[Input], list[str], list[MappingError]]:
    """Return the sheets that fit, what to know, and what others lack that have rows and columns of leads."""
    inputs: list[Input] = []
    notices: list[str] = []
    refusals: list[tuple[int, MappingError]] = []
    lacking: list[MappingError] = []
    for sheet in sheets:
        where = f"{sheet.source}, sheet {sheet.name}" if sheet.name else sheet.source
        try:
            mapping = choose_mapping(where, sheet.headers, templates, selection.columns, sheet.letters)
        except MappingError as error:
            # A sheet that was asked for, or that is the only one, must fit.
            if selection.sheets or len(sheets) == 1:
                raise
            fit = score(sheet.headers)
            refusals.append((fit, error))
            if fit <= 0:
                notices.append(_("left out a sheet: {where} has no columns of leads").format(where=where))
            elif not sheet.beginning:
                notices.append(_left_out(error))
            else:
                lacking.append(error)
        else:
            mapping = replace(mapping, repair=selection.repair, strict=selection.strict)
            if sheet.beginning and mapping.is_example(sheet.beginning[0]):
                sheet, notice = _without_example(sheet)
                notices.append(notice)
            elif not sheet.beginning:
                notices.append(_("{where} has headers and no rows").format(where=where))
            inputs.append(Input(sheet, mapping, path))
    if not inputs:
        # The one that comes nearest to leads is most likely the one that was meant.
        raise max(refusals, key=lambda refusal: refusal[0])[1]
    return inputs, notices, lacking


def _left_out(refusal: MappingError) -> str:
    return _("left out a sheet: {refusal}").format(refusal=refusal)


def _without_example(sheet: Sheet) -> tuple[Sheet, str]:
    """Return `sheet` without its first row, which is an example, and what the person should know of it."""
    example, *following = sheet.beginning

    def read() -> Iterator[list[Row]]:
        lists = iter(sheet.read())
        first = next(filter(None, lists))
        yield first[1:]
        yield from lists

    notice = (
        _("{place}: the example row was left out")
        if following
        else _("{place}: the example row was left out, and nothing is filled in below it yet")
    ).format(place=example.place)
    return replace(sheet, read=read, height=max(sheet.height - 1, 0), beginning=tuple(following)), notice


def entries_of(
    sheet: int, leads: Sequence[Lead | InvalidRow], identity: Identity, told: Told | None = None
) -> list[Entry]:
    """Return how the ledger keeps rows of this sheet, with what is `told` of them elsewhere."""
    keys = iter(identity.keys_of([lead for lead in leads if isinstance(lead, Lead)]))
    entries = []
    for lead in leads:
        notes = tuple(map(str, lead.notes)) if lead.notes else ()
        if isinstance(lead, InvalidRow):
            problem = problem_text(lead.problems)
            entries.append(Entry(sheet, lead.place.row, lead.customer_id, None, problem, notes))
        else:
            known = told.take(lead.place, lead.customer_id) if told else None
            entries.append(Entry(sheet, lead.place.row, lead.customer_id, next(keys), None, notes, known))
    return entries


def problem_text(problems: Iterable[RowProblem]) -> ErrorInfo:
    """Return all `problems` of a row as one: under the code of the first, with the messages of all."""
    known = list(problems)
    return ErrorInfo(
        code=known[0].code,
        message="; ".join(
            f"{problem.column}: {problem.message}" if problem.column else problem.message for problem in known
        ),
    )
