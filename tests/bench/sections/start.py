"""Start: what ``--help`` and ``--version`` take more than an interpreter that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import contestants
from tests.bench.figures import Figure, Findings, Measurement, Wanted, at_most, in_rounds, only
from tests.bench.processes import measure as measure_process
from tests.bench.workshop import Workshop

NOTHING, HELP, VERSION = "python -c pass", "--help", "--version"


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Yield so many pairs of each with nothing; a pair is a round."""
    importer = contestants.importer()
    commands: dict[str, list[str | Path]] = {
        NOTHING: [sys.executable, "-c", "pass"],
        HELP: [*importer, HELP],
        VERSION: [*importer, VERSION],
    }
    workshop.say(f"start: {workshop.plan.start_pairs} pairs")
    with workshop.place(1) as (folder, _):
        for round_number in range(1, workshop.plan.start_pairs + 1):
            for name, command in commands.items():
                ended = measure_process(command, folder=folder)
                yield Measurement(
                    section="start",
                    contestant=name,
                    round=round_number,
                    seconds=ended.seconds,
                    wrong=(f"exit code {ended.exit_code}",) if ended.exit_code else (),
                )


def find(measurements: Sequence[Measurement]) -> Findings:
    """Return how much longer than nothing they take."""
    return Findings((_more(measurements, HELP, at_most(0.25)), _more(measurements, VERSION)))


def _more(measurements: Sequence[Measurement], name: str, wanted: Wanted | None = None) -> Figure:
    def within(one: Sequence[Measurement]) -> float | None:
        command, nothing = only(one, name), only(one, NOTHING)
        return command.seconds - nothing.seconds if command and nothing else None

    return Figure(f"start: {name} more than {NOTHING}", in_rounds(measurements, within), "s", wanted)
