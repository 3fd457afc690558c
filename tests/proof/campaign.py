"""Kills: the real command is started, killed and started again, until nothing is left to be done.

After each kill, and after each command that ended by itself, the oracle is asked.
"""

from __future__ import annotations

import csv
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from importer.failpoints import FAILPOINT, UNSAFE, Point, Safeguard
from importer.faults import parse_fault
from importer.identity import lead_key
from importer.ledger import LeadState
from tests.proof.evidence import ACCOUNT, ENVIRONMENT, created_applications, known_leads, result_lines
from tests.proof.oracle import (
    IN_DOUBT,
    Evidence,
    InputRow,
    Promise,
    ResultLine,
    Violation,
    violations,
)
from tests.proof.processes import LOG, Command
from tests.proof.witness import Moment, Witness
from tests.support import HEADERS, api_beside

MEANT_CODES = frozenset({0, 1, 3})
"""How a command may end here that nobody kills: all went well, some rows are invalid, some are in doubt."""


@dataclass(frozen=True, slots=True)
class AtPlace:
    """A kill when a failpoint, or a moment at the API, comes for the `count`-th time."""

    place: Point | Moment
    count: int = 1


@dataclass(frozen=True, slots=True)
class AfterSeconds:
    """A kill at any moment."""

    seconds: float


Plan = AtPlace | AfterSeconds

AT_RANDOM = "at-random"
SUMMARY = "summary.json"
HISTORY = "history"


class Ending(Enum):
    """How a command ended."""

    KILLED = auto()
    """As planned."""

    AS_MEANT = auto()
    OTHERWISE = auto()


@dataclass(slots=True)
class Figures:
    """What campaigns came to."""

    kills: int = 0
    runs: int = 0
    """Commands that were started, killed or not."""

    leads: int = 0
    doubted: int = 0
    """Leads that kills left in doubt."""

    most_doubted: int = 0
    """By one kill."""

    most_under_way: int = 0
    """How many requests could be under way at a kill."""

    places: Counter[str] = field(default_factory=Counter)
    """Kills by where they came."""

    seconds: float = 0.0
    found: dict[Violation, str] = field(default_factory=dict)
    """Each once, in the order in which they were found, with the campaign and the command that showed it."""

    def add(self, other: Figures) -> None:
        """Count in what another campaign came to."""
        self.kills += other.kills
        self.runs += other.runs
        self.leads += other.leads
        self.doubted += other.doubted
        self.most_doubted = max(self.most_doubted, other.most_doubted)
        self.most_under_way = max(self.most_under_way, other.most_under_way)
        self.places += other.places
        self.seconds += other.seconds
        self.found |= other.found

    def complaints(self) -> list[str]:
        """Return what was found, each with where it was."""
        return [f"{violation}\n({where})" for violation, where in self.found.items()]

    def broken(self, promise: Promise) -> int:
        """Return how often a promise was found broken."""
        return sum(violation.promise is promise for violation in self.found)


class Campaign:
    """Commands one after the other on one ledger and one API, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        api: Witness,
        *,
        concurrency: int = 8,
        without: Safeguard | None = None,
        processes: int = 1,
    ) -> None:
        self.figures = Figures(most_under_way=concurrency)
        self.inputs: dict[str, list[InputRow]] = {}
        self.seconds_of_a_run = 0.2
        """How long the last one took that nobody killed."""

        self.api = api
        self._folder = folder
        self._history: list[str] = []
        self._ledger = folder / "ledger.sqlite3"
        self._concurrency = concurrency
        self._variables: Mapping[str, str] = {} if without is None else {UNSAFE: without}
        self._processes = processes

    def add_input(self, leads: int) -> str:
        """Write another file of so many new leads, a copy of the first one and a row that is none."""
        name = f"leads-{len(self.inputs)}.csv"
        first = 1000 + self.figures.leads
        rows = [_lead(number) for number in range(first, first + leads)]
        rows += [rows[0], _lead(first) | {"phone": ""}]
        with (self._folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADERS)
            writer.writeheader()
            writer.writerows(rows)
        self.inputs[name] = [InputRow(name, number, _key(row)) for number, row in enumerate(rows, 2)]
        self.figures.leads += leads
        return name

    def command(self, *arguments: str) -> Command:
        """Return a command on the ledger of this campaign, not started yet."""
        return Command(self._folder, (*arguments, "--ledger", str(self._ledger)), self._variables)

    def importing(self, *files: str) -> Command:
        """Return the command that imports these files."""
        return self.command(
            *("run", *files, "--env", ENVIRONMENT, "--base-url", self.api.base_url),
            *("--concurrency", str(self._concurrency), "--summary", SUMMARY),
            *("--processes", str(self._processes)),
        )

    def run(self, files: Sequence[str], plan: Plan | None = None, *, settled: bool = False) -> bool:
        """Import these files, ask the oracle, and tell whether the plan's kill came before the end."""
        began = time.monotonic()
        ending = self._carried_out(self.importing(*files), plan)
        if ending is Ending.AS_MEANT:
            self.seconds_of_a_run = time.monotonic() - began
            self._ask(
                rows=[row for name in files for row in self.inputs[name]],
                results=[line for name in files for line in result_lines(self._results_of(name))],
                summary=json.loads((self._folder / SUMMARY).read_text(encoding="utf-8")),
                settled=settled,
            )
        return ending is Ending.KILLED

    def rewrite(self, name: str, plan: Plan | None = None) -> bool:
        """Write the results of a file again; tell as :meth:`run` does."""
        return self._carried_out(self.command("results", name), plan) is Ending.KILLED

    def resolve(self, name: str, plan: Plan | None = None) -> bool:
        """Answer each doubt about a file as a person does who looks at the API; tell as :meth:`run` does."""
        self.api.settle()
        ids = {created.key: created.application_id for created in created_applications(self.api.store_path)}
        numbers = {row.key: row.row for row in reversed(self.inputs[name]) if row.key is not None}
        doubted = self._doubted() & numbers.keys()
        created = [f"--created={numbers[key]}={ids[key]}" for key in doubted & ids.keys()]
        not_created = [f"--not-created={numbers[key]}" for key in doubted - ids.keys()]
        return self._carried_out(self.command("resolve", name, *created, *not_created), plan) is Ending.KILLED

    def imported_inputs(self) -> list[str]:
        """Return the files that were imported to the end before."""
        return [name for name in self.inputs if self._results_of(name).exists()]

    def doubtful_inputs(self) -> list[str]:
        """Return the files that have rows in doubt."""
        doubted = self._doubted()
        return [name for name, rows in self.inputs.items() if any(row.key in doubted for row in rows)]

    def left_to_send(self, name: str) -> int:
        """Return how many leads of a file no run has begun to send."""
        begun = {lead.key for lead in known_leads(self._ledger) if lead.state is not LeadState.PENDING}
        return len({row.key for row in self.inputs[name] if row.key is not None} - begun)

    def settle(self) -> None:
        """Import every file to its end, with each doubt answered: then nothing may be lost."""
        files = list(self.inputs)
        self.run(files)
        for name in self.doubtful_inputs():
            self.resolve(name)
        # Or it would put into doubt again what was just sent.
        self.api.faults = ()
        self.run(files, settled=True)

    def ask(self) -> None:
        """Hold the ledger and the API against each other."""
        self._ask()

    def _carried_out(self, command: Command, plan: Plan | None) -> Ending:
        self.figures.runs += 1
        self._history.append(f"command {self.figures.runs}: {' '.join(command.arguments)}; {plan}")
        (self._folder / HISTORY).write_text("\n".join(self._history), encoding="utf-8")
        where = AT_RANDOM
        match plan:
            case AtPlace(Point() as place, number):
                where = place
                command.variables = {**command.variables, FAILPOINT: f"{place}:{number}"}
            case AtPlace(Moment() as moment, number):
                where = moment
                self.api.at(moment, number, command.kill)
        command.start()
        if isinstance(plan, AfterSeconds) and not command.has_ended(within=plan.seconds):
            command.kill()
        code = command.ended()
        self.api.at(None, 0, command.kill)
        if plan is not None and code == -signal.SIGKILL:
            self._count_kill(where)
            return Ending.KILLED
        said = (self._folder / LOG).read_text(encoding="utf-8")
        if code in MEANT_CODES and "Traceback" not in said:
            return Ending.AS_MEANT
        self._find(Violation(Promise.CLEAR_WORDS, f"{command.arguments[0]} ended with {code}: {said[-500:]}"))
        return Ending.OTHERWISE

    def _count_kill(self, where: str) -> None:
        left = sum(lead.state is LeadState.SENDING for lead in known_leads(self._ledger))
        self.figures.kills += 1
        self.figures.places[where] += 1
        self.figures.doubted += left
        self.figures.most_doubted = max(self.figures.most_doubted, left)
        if left > self._concurrency:
            self._find(
                Violation(
                    Promise.LITTLE_DOUBT,
                    f"after a kill {left} are in doubt, with {self._concurrency} under way at most",
                )
            )
        self._ask()

    def _ask(
        self,
        *,
        rows: Sequence[InputRow] = (),
        results: Sequence[ResultLine] | None = None,
        summary: Mapping[str, object] | None = None,
        settled: bool = False,
    ) -> None:
        # The API first: while the ledger is read, it may still create what a killed run has asked for.
        applications = created_applications(self.api.store_path)
        evidence = Evidence(
            leads=known_leads(self._ledger),
            applications=applications,
            rows=rows,
            results=results,
            summary=summary,
            settled=settled,
        )
        self._find(*violations(evidence))
        for name in self.imported_inputs():
            # Of this run or of the one before, but whole.
            told, there = len(result_lines(self._results_of(name))), len(self.inputs[name])
            if told != there:
                self._find(
                    Violation(Promise.NOTHING_LOST, f"the results of {name} tell {told} of {there} rows")
                )

    def _find(self, *found: Violation) -> None:
        for violation in found:
            self.figures.found.setdefault(violation, f"{self._folder.name}, {self._history[-1:]}")

    def _doubted(self) -> set[bytes]:
        return {lead.key for lead in known_leads(self._ledger) if lead.state in IN_DOUBT}

    def _results_of(self, name: str) -> Path:
        return self._folder / name.replace(".csv", ".results.csv")


@contextmanager
def campaign(
    folder: Path,
    *faults: str,
    concurrency: int = 8,
    without: Safeguard | None = None,
    processes: int = 1,
) -> Iterator[Campaign]:
    """Yield a campaign in `folder`, with an API of its own that misbehaves so."""
    folder.mkdir(parents=True)
    api = Witness(folder / "store", *map(parse_fault, faults))
    with api_beside(api):
        yield Campaign(folder, api, concurrency=concurrency, without=without, processes=processes)


def _lead(number: int) -> dict[str, str]:
    values = (str(number), f"Nguyễn Văn {number}", f"09{number:08}", f"{number} Lê Lợi, Đà Nẵng")
    return dict(zip(HEADERS, values, strict=True))


def _key(row: Mapping[str, str]) -> bytes | None:
    if not all(row.values()):
        return None
    customer_id, *_ = row.values()
    return lead_key(ACCOUNT, ENVIRONMENT, customer_id, {name: row[name] for name in HEADERS[1:]})
