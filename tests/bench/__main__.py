"""The command: ``python -m tests.bench``."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tests.bench import contestants, records, servers, tables
from tests.bench.figures import Measurement
from tests.bench.processes import REPOSITORY
from tests.bench.sections import SECTIONS, Name, find
from tests.bench.workshop import QUICK, Plan, Workshop

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def bench(
    parts: Annotated[list[Name] | None, typer.Argument(metavar="[SECTION]...", help="Default: all.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A look at everything in about a minute.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Of all sections; start has pairs.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Of the section wire.")] = None,
    peer_rows: Annotated[int | None, typer.Option(min=1, help="Of the other tools there.")] = None,
    sizes: Annotated[str | None, typer.Option(help="Rows of the section scale, with commas.")] = None,
    limit_seconds: Annotated[int | None, typer.Option(min=1, help="Of each case of limit.")] = None,
    newman: Annotated[Path | None, typer.Option(exists=True, help="Where newman is.")] = None,
    drt: Annotated[Path | None, typer.Option(exists=True, help="Where drt is.")] = None,
    install_peers: Annotated[
        bool, typer.Option("--install-peers", help="Install newman and drt into the folder.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="For all files, on a disk. Default: build/bench in the repository.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Default: measurements.json in the folder.")] = None,
    again: Annotated[
        Path | None, typer.Option(exists=True, help="Print the tables of such a file; measure nothing.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables in Markdown.")] = False,
) -> None:
    """Measure the importer beside others, print the figures, and write all measurements as JSON."""
    if again is not None:
        show(records.read(again), as_markdown=markdown)
        return
    folder = (folder or REPOSITORY / "build" / "bench").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    errors = Console(stderr=True, highlight=False)
    if install_peers:
        errors.print("Installing newman and drt.")
        try:
            contestants.install_peers(folder / "peers")
        except subprocess.CalledProcessError as error:
            errors.print(f"Error: {error.cmd[0]} failed; what it said stands above.", style="red")
            raise typer.Exit(1) from None
    found_newman, found_drt = contestants.find_peers(folder / "peers")
    workshop = Workshop(
        folder=folder,
        plan=plan_of(
            QUICK if quick else Plan(),
            rounds=rounds,
            rows=rows,
            peer_rows=peer_rows,
            limit_seconds=limit_seconds,
            sizes=None if sizes is None else sizes_of(sizes),
        ),
        nginx=servers.find_nginx(),
        newman=newman.absolute() if newman else found_newman,
        drt=drt.absolute() if drt else found_drt,
        say=errors.print,
    )
    try:
        measurements = measure(workshop, parts or list(Name), json or folder / "measurements.json", errors)
    except servers.ServerError as error:
        errors.print(f"Error: {error}", style="red")
        raise typer.Exit(1) from None
    show(measurements, as_markdown=markdown)


def sizes_of(text: str) -> tuple[int, ...]:
    """Return the numbers of rows in `text`, the smallest first.

    Raises :class:`typer.BadParameter` where it is anything but whole numbers with commas between them.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise typer.BadParameter(f"{text!r} is not a list such as 10000,100000", param_hint="--sizes")
    return tuple(sorted(map(int, parts)))


def plan_of(plan: Plan, **asked: Any) -> Plan:
    """Return `plan` with what was asked for on the command line; None is what was not."""
    return replace(plan, **{name: value for name, value in asked.items() if value is not None})


def measure(workshop: Workshop, parts: Sequence[Name], file: Path, errors: Console) -> list[Measurement]:
    """Measure these sections; `file` has what there is after each, and also when one is interrupted."""
    surroundings = records.surroundings(workshop)
    measurements: list[Measurement] = []
    for part in parts:
        try:
            for measurement in SECTIONS[part].measure(workshop):
                measurements.append(measurement)
                for note in tables.notes([measurement]):
                    errors.print(f"wrong: {note}", style="red")
        finally:
            if measurements:
                records.write(file, records.document(measurements, find(measurements).figures, surroundings))
    errors.print(f"All measurements: {file}")
    return measurements


def show(measurements: Sequence[Measurement], *, as_markdown: bool) -> None:
    """Print figures and details, and what was not right."""
    found = find(measurements)
    console = Console(highlight=False)
    if as_markdown:
        print(tables.in_markdown(found.figures, found.details))  # noqa: T201 - not for rich to wrap
    else:
        for table in tables.on_terminal(found.figures, found.details):
            console.print(table)
    for note in tables.notes(measurements):
        console.print(f"wrong: {note}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    app(prog_name="python -m tests.bench")
