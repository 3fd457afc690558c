"""How many kills the proof is made of, and what it came to."""

from __future__ import annotations

import pytest

from importer.failpoints import Safeguard
from tests.proof.attacks import PLACES
from tests.proof.campaign import AT_RANDOM, Figures
from tests.proof.oracle import Promise

_KILLS = 300
_FIGURES = pytest.StashKey[Figures]()
_WITHOUT = pytest.StashKey[dict[Safeguard, Figures]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills",
        type=int,
        help=f"how many kills the proof is made of, at least (default: {_KILLS}); for `pytest tests/proof`",
    )


@pytest.fixture(scope="session")
def kills(pytestconfig: pytest.Config) -> int:
    # Where the whole suite runs, this file is read too late for its option to be known.
    wanted: int | None = pytestconfig.getoption("kills", default=None)
    return wanted or _KILLS


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """What all kills of this session came to."""
    return pytestconfig.stash.setdefault(_FIGURES, Figures())


@pytest.fixture(scope="session")
def without(pytestconfig: pytest.Config) -> dict[Safeguard, Figures]:
    """What was found where a safeguard was missing."""
    return pytestconfig.stash.setdefault(_WITHOUT, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash.get(_FIGURES, Figures())
    without = config.stash.get(_WITHOUT, {})
    if figures.kills or without:
        terminalreporter.section("never twice, never lost")
    if figures.kills:
        at_random = figures.places[AT_RANDOM]
        places = sum(place in figures.places for place in PLACES)
        terminalreporter.line(
            f"{figures.kills:,} kills ({figures.kills - at_random:,} at {places} of {len(PLACES)} places, "
            f"{at_random:,} at random) in {figures.runs:,} commands with {figures.leads:,} leads: "
            f"{figures.broken(Promise.ONCE)} twice, {figures.broken(Promise.NOTHING_LOST)} lost, "
            f"{figures.doubted:,} in doubt, at most {figures.most_doubted} by a kill "
            f"with {figures.most_under_way} under way; {figures.seconds:.0f} seconds"
        )
    for safeguard, found in without.items():
        terminalreporter.line(
            f"without the {safeguard}: {found.broken(Promise.ONCE)} twice after {found.kills} kills"
        )
