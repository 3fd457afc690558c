"""The figures as tables: for a terminal, readable at 80 columns, and in Markdown for the README. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tests.bench.figures import Detail, Figure, Measurement, Spread, Wanted

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADERS = ("figure", "wanted", "seen", "min–max", "reaches")


def number(value: float, unit: str = "") -> str:
    """Return `value` with as many digits as tell something; a share in percent."""
    if not value:
        return f"0 {unit}".strip()
    if unit == "%":
        return f"{value * 100:.1f} %"
    if abs(value) >= 100:
        text = f"{value:,.0f}"
    elif abs(value) >= 10:
        text = f"{value:.1f}"
    else:
        text = f"{value:.2f}"
    return f"{text} {unit}".strip()


def wanted(limit: Wanted | None, unit: str) -> str:
    """Return what is wanted, or nothing."""
    if limit is None:
        return ""
    sign = "≥" if limit.at_least else "≤"
    share = unit == "%"
    return f"{sign} {limit.limit * 100 if share else limit.limit:g} {unit}".strip()


def between(spread: Spread, unit: str) -> str:
    """Return the least and the most of the rounds, the unit left to the median; nothing of a single one."""
    if spread.least == spread.most:
        return ""
    least, most = (number(value, unit).removesuffix(unit).strip() for value in (spread.least, spread.most))
    return f"{least}–{most}"


def lines(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """Return the cells of the table of figures, a line each."""
    reaches = {True: "yes", False: "no", None: ""}
    return [
        (
            figure.name,
            wanted(figure.wanted, figure.unit),
            number(figure.spread.median, figure.unit),
            between(figure.spread, figure.unit),
            reaches[figure.reached],
        )
        for figure in figures
        if figure.values
    ]


def notes(measurements: Iterable[Measurement]) -> list[str]:
    """Return what is to be said of measurements whose outcome was not the right one."""
    return [_note(each) for each in measurements if each.wrong]


def _note(measurement: Measurement) -> str:
    where = [measurement.section, measurement.contestant, f"round {measurement.round}"]
    if measurement.rows:
        where += [f"{measurement.rows:,} rows", f"{measurement.concurrency} at once"]
    if measurement.case:
        where.append(measurement.case)
    return f"{', '.join(where)}: {'; '.join(measurement.wrong)}"


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown: the first column to the left, the others to the right."""
    aligned = ["---", *["---:"] * (len(headers) - 1)]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
        for row in (headers, aligned, *rows)
    )


def in_markdown(figures: Iterable[Figure], details: Iterable[Detail]) -> str:
    """Return all tables in Markdown."""
    parts = [markdown(HEADERS, lines(figures))]
    parts += [f"{detail.title}\n\n{markdown(detail.headers, detail.rows)}" for detail in details]
    return "\n\n".join(parts)


def on_terminal(figures: Iterable[Figure], details: Iterable[Detail]) -> list[RenderableType]:
    """Return all tables for rich."""
    marked = {"yes": "[green]yes[/]", "no": "[red]no[/]", "": ""}
    rows = [(*line[:-1], marked[line[-1]]) for line in lines(figures)]
    return [
        _table("Figures", HEADERS, rows),
        *(_table(detail.title, detail.headers, detail.rows) for detail in details),
    ]


def _table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for index, header in enumerate(headers):
        table.add_column(header, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
