"""Scale: the same run over ten thousand to a million rows, and a second one over the finished file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import contestants
from tests.bench.contestants import Job
from tests.bench.figures import Detail, Figure, Findings, Measurement, at_most, in_rounds, only, spread
from tests.bench.processes import measure as measure_process
from tests.bench.servers import Server
from tests.bench.tables import number
from tests.bench.workshop import Workshop

CONCURRENCY = 16
MEGABYTE = 1_000_000
FIRST, SECOND, READ = "first run", "second run", "pandas read_csv"
_HEADERS = ("rows", "rows/s", "peak MB", "B/row", "to 1st request", "2nd run", "÷ read_csv")


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Yield, for each size, a run, then a second one and a bare reading of the same file."""
    with workshop.fast_server() as server:
        for round_number in range(1, workshop.plan.rounds + 1):
            for rows in workshop.plan.sizes:
                with workshop.place(rows) as (folder, sheet):
                    job = Job(
                        folder=folder,
                        sheet=sheet,
                        base_url=server.base_url,
                        concurrency=CONCURRENCY,
                        rows=rows,
                    )
                    for name in (FIRST, SECOND):
                        workshop.say(f"scale, round {round_number}: {name} over {rows:,} rows")
                        yield _run(job, server, name, round_number)
                    workshop.say(f"scale, round {round_number}: {READ} of {rows:,} rows")
                    yield _read(job, round_number)


def _run(job: Job, server: Server, name: str, round_number: int) -> Measurement:
    before = server.requests()
    (job.folder / "summary.json").unlink(missing_ok=True)
    ended = measure_process(
        contestants.run_command(job),
        folder=job.folder,
        variables=contestants.variables(job.folder),
        memory=True,
    )
    requests = server.requests() - before
    told = contestants.summary_of(job.folder)
    outcome = "created" if name == FIRST else "existing"
    first = server.first_request_since(ended.started_at)
    return Measurement(
        section="scale",
        contestant=name,
        round=round_number,
        rows=job.rows,
        concurrency=job.concurrency,
        server=server.name,
        seconds=ended.seconds,
        values={
            **told,
            "requests": requests,
            "peak_pss_bytes": ended.peak_pss_bytes,
            "peak_rss_bytes": ended.peak_rss_bytes,
            "ledger_bytes": ledger_bytes(job.folder / "state"),
            **({} if first is None else {"first_request_seconds": first - ended.started_at}),
        },
        wrong=contestants.wrong_with(
            job.rows,
            ended,
            {"created": told.get(outcome, 0)},
            requests if name == FIRST else requests + job.rows,
        ),
    )


def _read(job: Job, round_number: int) -> Measurement:
    command: list[str | Path] = [sys.executable, "-m", "tests.bench.peers.read_csv", job.sheet]
    ended = measure_process(command, folder=job.folder, memory=True)
    right = ended.output.strip() == str(job.rows)
    return Measurement(
        section="scale",
        contestant=READ,
        round=round_number,
        rows=job.rows,
        seconds=ended.seconds,
        values={"peak_pss_bytes": ended.peak_pss_bytes, "peak_rss_bytes": ended.peak_rss_bytes},
        wrong=() if right else (f"exit code {ended.exit_code}, or not all rows were read",),
    )


def ledger_bytes(state: Path) -> int:
    """Return how much the ledger's files hold, the log and locks beside it included."""
    return sum(path.stat().st_size for path in state.rglob("*") if path.is_file())


def find(measurements: Sequence[Measurement]) -> Findings:
    """Return what is wanted of the largest size, and every size for itself."""
    sizes = sorted({each.rows for each in measurements})
    largest = sizes[-1]
    named = f"at {largest:,} rows"
    figures = [
        Figure(
            f"scale: peak memory {named}",
            _values(measurements, FIRST, largest, "peak_pss_bytes", MEGABYTE),
            "MB",
            at_most(200),
        ),
        *(
            Figure(
                f"scale: the same ÷ that at {before:,} rows",
                _growth(measurements, before, largest),
                "",
                at_most(1.1),
            )
            for before in sizes[-2:-1]
        ),
        Figure(
            f"scale: peak memory of a second run {named}",
            _values(measurements, SECOND, largest, "peak_pss_bytes", MEGABYTE),
            "MB",
        ),
        Figure(
            f"scale: second run ÷ read_csv {named}", _over_reading(measurements, largest), "", at_most(15)
        ),
        Figure(
            f"scale: requests of the second run {named}",
            _values(measurements, SECOND, largest, "requests"),
            "",
            at_most(0),
        ),
        Figure(
            f"scale: ledger {named}",
            _values(measurements, FIRST, largest, "ledger_bytes", largest),
            "B/row",
            at_most(150),
        ),
    ]
    return Findings(
        tuple(figures),
        (
            Detail(
                f"Scale: medians, {CONCURRENCY} under way",
                _HEADERS,
                tuple(_line(measurements, size) for size in sizes),
            ),
        ),
    )


def _values(
    measurements: Sequence[Measurement], contestant: str, rows: int, name: str, unit: float = 1
) -> tuple[float, ...]:
    def within(one: Sequence[Measurement]) -> float | None:
        found = only(one, contestant, rows=rows)
        return found.values[name] / unit if found and name in found.values else None

    return in_rounds(measurements, within)


def _growth(measurements: Sequence[Measurement], small: int, large: int) -> tuple[float, ...]:
    def within(one: Sequence[Measurement]) -> float | None:
        less, more = only(one, FIRST, rows=small), only(one, FIRST, rows=large)
        if not less or not more or not less.values["peak_pss_bytes"]:
            return None
        return more.values["peak_pss_bytes"] / less.values["peak_pss_bytes"]

    return in_rounds(measurements, within)


def _over_reading(measurements: Sequence[Measurement], rows: int) -> tuple[float, ...]:
    def within(one: Sequence[Measurement]) -> float | None:
        again, reading = only(one, SECOND, rows=rows), only(one, READ, rows=rows)
        return again.seconds / reading.seconds if again and reading else None

    return in_rounds(measurements, within)


def _line(measurements: Sequence[Measurement], rows: int) -> tuple[str, ...]:
    def median(values: tuple[float, ...], unit: str = "") -> str:
        return number(spread(values).median, unit) if values else ""

    def seconds(contestant: str) -> tuple[float, ...]:
        return tuple(
            each.seconds for each in measurements if (each.contestant, each.rows) == (contestant, rows)
        )

    return (
        f"{rows:,}",
        median(tuple(rows / each for each in seconds(FIRST))),
        median(_values(measurements, FIRST, rows, "peak_pss_bytes", MEGABYTE)),
        median(_values(measurements, FIRST, rows, "ledger_bytes", rows)),
        median(_values(measurements, FIRST, rows, "first_request_seconds"), "s"),
        median(seconds(SECOND), "s"),
        median(_over_reading(measurements, rows)),
    )
