"""Imports go in one direction: a module imports only from floors below its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import importer

# From the ground up: the parts of each floor, and the modules of each part. A part may import itself.
FLOORS: tuple[dict[str, tuple[str, ...]], ...] = (
    # What everything is said in.
    {"version": ("importer",), "language": ("language",)},
    # The values, and what stops the work.
    {"errors": ("errors",), "model": ("model",), "inputs": ("inputs",)},
    # Pure: no files, no network.
    {
        "failpoints": ("failpoints",),
        "event_loops": ("event_loops",),
        "formulas": ("formulas",),
        "sources": ("sources",),
        "headings": ("headings",),
        "interrupts": ("interrupts",),
        "disks": ("disks",),
        "measuring": ("measuring", "measuring.histogram", "measuring.stretches"),
        "values": ("values", "phones", "numbers", "mojibake", "remarks"),
        "identity": ("identity",),
        "ooxml": ("ooxml", "ooxml.attributes", "ooxml.cells", "ooxml.relationships"),
        "seen": ("seen",),
        "coverage": ("coverage",),
        "signing": ("signing",),
        "operations": ("operations", "masking"),
        "phone_book": ("phone_book",),
        "printable": ("printable",),
        "ledger": ("ledger", "ledger.told"),
    },
    # Input and output. (`mapping` is pure, and stands here because it is built on the values.)
    {
        "mapping": (
            "mapping",
            "mapping.choosing",
            "mapping.columns",
            "mapping.leads",
            "mapping.statuses",
            "mapping.updates",
            "examples",
            "templates",
            "templates.fields",
            "templates.parsing",
            "templates.reading",
        ),
        "sheets": (
            "sheets",
            "sheets.archive",
            "sheets.cells",
            "sheets.encodings",
            "sheets.files",
            "sheets.formats",
            "sheets.grid",
            "sheets.groups",
            "sheets.headers",
            "sheets.legacy",
            "sheets.markup",
            "sheets.opendocument",
            "sheets.records",
            "sheets.sheet",
            "sheets.stream",
            "sheets.text",
            "sheets.workbook",
            "sheets.xls",
            "sheets.xlsb",
            "sheets.xlsx",
        ),
        "transport": ("transport",),
        "stores": (
            "ledger.sqlite",
            "ledger.answers",
            "ledger.enrolling",
            "ledger.guards",
            "ledger.locks",
            "ledger.rows",
            "ledger.statements",
            "ledger.checksums",
            "ledger.history",
            "ledger.steps",
            "ledger.updates",
            "ledger.writer",
        ),
        "results": (
            "results",
            "results.findings",
            "results.added",
            "results.beside",
            "results.exports",
            "results.colours",
            "results.lines",
            "results.pages",
            "results.replacing",
            "results.retry",
            "results.tables",
            "results.workbook",
            "results.workbook.adding",
            "results.workbook.filling",
            "results.workbook.markup",
            "results.workbook.mending",
            "results.workbook.outcomes",
            "results.workbook.package",
            "results.workbook.parts",
            "results.workbook.rows",
            "results.workbook.strings",
            "results.workbook.styles",
            "results.workbook.survey",
            "results.workbook.traces",
        ),
        "settings": (
            "settings",
            "settings.files",
            "settings.first",
            "settings.listing",
            "settings.merging",
            "settings.options",
            "settings.pairs",
            "settings.sources",
            "settings.values",
        ),
        "local_api": ("local_api", "local_requests", "local_responses", "applications", "faults"),
    },
    # One lead, one file, one report.
    {
        "attempts": ("attempts", "calls"),
        "senders": ("senders", "senders.messages", "senders.process"),
        "pace": ("pace", "pace.health", "pace.limit", "pace.rules", "pace.window"),
        "report": ("report",),
        "intake": ("intake", "update_intake"),
        "gathering": ("gathering",),
        "findings": ("findings",),
        "file_stamps": ("file_stamps",),
        "blanks": ("blanks",),
        "places": ("places",),
        "row_spool": ("row_spool",),
        "response_journal": ("response_journal",),
    },
    # A whole input: sent, checked, written.
    {
        "runner": ("runner", "pool"),
        "outputs": ("outputs",),
        "history": ("history",),
        "checking": ("checking",),
        "resolving": ("resolving",),
        "adoption": ("adoption",),
        "access": ("access",),
        "doctor": ("doctor",),
        "advice": ("advice",),
        "archiving": ("archiving",),
        "passed_over": ("passed_over",),
        "metrics": ("metrics",),
    },
    # What a person sees of it, and the straight way, put together.
    {
        "console": (
            "console",
            "console.exporting",
            "console.history",
            "console.pacing",
            "console.screen",
            "console.showing",
            "console.watching",
        ),
        "page": ("page", "page.charts", "page.numbers"),
    },
    {"importing": ("importing", "updating", "exporting"), "notification": ("notification",)},
    {
        "cli": (
            "cli",
            "cli.history",
            "cli.init",
            "cli.loading",
            "cli.options",
            "cli.report",
            "cli.resolve",
            "cli.responses",
            "cli.running",
            "cli.templates",
            "cli.update",
            "__main__",
        ),
        # What the package offers to programs; its __init__ names it only when asked for it.
        "library": ("library", "library.beside", "library.leads", "library.options"),
    },
)

PART_OF = {
    module if module == "importer" else f"importer.{module}": part
    for floor in FLOORS
    for part, modules in floor.items()
    for module in modules
}
FLOOR_OF = {part: number for number, floor in enumerate(FLOORS) for part in floor}

IO = {"sheets", "transport", "stores", "results", "settings", "local_api"}
NAMES_STORES = {
    *("runner", "access", "history", "importing", "doctor", "outputs", "resolving", "console", "cli"),
    "library",
}
OF_LOCAL_API = {"local_api", "signing", "model", "errors"}

PACKAGE = Path(importer.__file__).parent


@cache
def modules() -> dict[str, Path]:
    return {
        ".".join(("importer", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in PACKAGE.rglob("*.py")
    }


def imported_by(source: str, known: set[str]) -> Iterator[str]:
    """Yield the modules of the importer that `source` names, wherever in it: in functions, for types too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "importer")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            name = node.module or ""
            if name.split(".")[0] == "importer":
                for alias in node.names:
                    deeper = f"{name}.{alias.name}"
                    yield deeper if deeper in known else name


@cache
def edges() -> frozenset[tuple[str, str]]:
    """Return which module imports which."""
    known = set(modules())
    return frozenset(
        (module, found)
        for module, path in modules().items()
        for found in imported_by(path.read_text(encoding="utf-8"), known)
    )


def test_every_module_has_its_place_in_the_table_and_the_table_no_other() -> None:
    assert set(PART_OF) == set(modules())
    assert len(PART_OF) == sum(len(names) for floor in FLOORS for names in floor.values())


def test_an_import_is_seen_wherever_it_stands() -> None:
    source = (
        "import importer.errors\nfrom importer import model\nfrom importer import __version__\nimport os\n"
        "def f():\n    from importer.sheets import files, open_sheets\n    from os import path\n"
        "if TYPE_CHECKING:\n    from importer.runner import Runner\n"
    )
    assert list(imported_by(source, set(modules()))) == [
        "importer.errors",
        "importer.model",
        "importer",
        "importer.sheets.files",
        "importer.sheets",
        "importer.runner",
    ]


def test_a_module_imports_only_from_floors_below_its_own() -> None:
    upward = [
        f"{module} (floor {FLOOR_OF[PART_OF[module]]}) imports {found} (floor {FLOOR_OF[PART_OF[found]]})"
        for module, found in sorted(edges())
        if PART_OF[module] != PART_OF[found] and FLOOR_OF[PART_OF[module]] <= FLOOR_OF[PART_OF[found]]
    ]
    assert upward == []


def test_there_are_no_more_floors_than_the_imports_need() -> None:
    for number, floor in enumerate(FLOORS[1:], 1):
        below = {PART_OF[found] for module, found in edges() if PART_OF[module] in floor}
        assert below & FLOORS[number - 1].keys(), f"floor {number} may be merged with the one below it"


def test_modules_of_input_and_output_do_not_import_each_other() -> None:
    assert FLOOR_OF.keys() >= IO
    across = [
        f"{module} imports {found}"
        for module, found in sorted(edges())
        if {PART_OF[module], PART_OF[found]} <= IO and PART_OF[module] != PART_OF[found]
    ]
    assert across == []


def test_only_those_that_put_the_parts_together_name_a_store() -> None:
    namers = {PART_OF[module] for module, found in edges() if PART_OF[found] == "stores"} - {"stores"}
    assert namers <= NAMES_STORES
    assert namers


def test_the_local_api_stands_on_signing_model_and_errors_alone() -> None:
    used = {PART_OF[found] for module, found in edges() if PART_OF[module] == "local_api"}
    assert used <= OF_LOCAL_API
    assert "signing" in used
