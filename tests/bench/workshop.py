"""Where the sections work: their folder, sheets and servers, how much they measure, one measurement."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import contestants, servers
from tests.bench.contestants import Contestant, Job
from tests.bench.figures import Measurement
from tests.bench.processes import measure
from tests.bench.sheets import write_sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    rows: int = 100_000
    """Of the importer and the bare loops; the others, whose rate is what counts, send less."""

    peer_rows: int = 20_000
    slow_peer_rows: int = 2_000
    concurrencies: tuple[int, ...] = (16, 64)
    latency_rows: int = 20_000
    limit_seconds: int = 30
    limit_concurrencies: tuple[int, ...] = (64, 16)
    bursts: tuple[int, ...] = (30, 300)
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    start_pairs: int = 15


QUICK = Plan(
    rounds=1,
    rows=5_000,
    peer_rows=1_000,
    slow_peer_rows=100,
    latency_rows=3_000,
    limit_seconds=8,
    limit_concurrencies=(64,),
    bursts=(30,),
    sizes=(1_000, 10_000),
    start_pairs=3,
)
"""A look at everything in about a minute; the start of the process weighs in it."""


@dataclass(slots=True, kw_only=True)
class Workshop:
    """What the sections share. `say` tells who waits what is being done."""

    folder: Path
    plan: Plan
    nginx: Path | None
    newman: Path | None = None
    drt: Path | None = None
    say: Callable[[str], None] = lambda text: None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def sheet(self, rows: int, *, quoted: bool = False) -> Path:
        """Return a sheet of so many rows, made once."""
        path = self.folder / "sheets" / f"{rows}{'-quoted' if quoted else ''}.csv"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_sheet(path.with_suffix(".part"), rows, quoted=quoted).rename(path)
        return path

    @contextmanager
    def place(self, rows: int, *, quoted: bool = False) -> Iterator[tuple[Path, Path]]:
        """Yield an empty folder and the sheet in it; both go afterwards, and with them ledger and results."""
        folder = self.folder / "places" / str(next(self._numbers))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sheet = folder / "leads.csv"
        sheet.hardlink_to(self.sheet(rows, quoted=quoted))
        try:
            yield folder, sheet
        finally:
            shutil.rmtree(folder)

    def fast_server(self) -> AbstractContextManager[servers.Server]:
        """Run nginx or, where it is missing, the server of this package."""
        if self.nginx is None:
            return servers.own_server()
        return servers.nginx(self.nginx, self.folder / "nginx")

    def send(
        self,
        contestant: Contestant,
        server: servers.Server,
        *,
        section: str,
        round_number: int,
        rows: int,
        concurrency: int,
        case: str = "",
    ) -> Measurement:
        """Let a contestant send so many rows, and look at the outcome."""
        self.say(
            f"{section}, round {round_number}: {contestant.name}, {rows:,} rows, {concurrency} under way"
        )
        with self.place(rows, quoted=contestant.quoted) as (folder, sheet):
            job = Job(
                folder=folder, sheet=sheet, base_url=server.base_url, concurrency=concurrency, rows=rows
            )
            before = server.requests()
            variables = contestants.variables(folder)
            ended = measure(contestant.command(job), folder=folder, variables=variables)
            requests = server.requests() - before
            told = contestant.told(job, ended)
        return Measurement(
            section=section,
            contestant=contestant.name,
            round=round_number,
            rows=rows,
            concurrency=concurrency,
            case=case,
            server=server.name,
            seconds=ended.seconds,
            values={**told, "requests": requests},
            wrong=contestants.wrong_with(rows, ended, told, requests),
        )
