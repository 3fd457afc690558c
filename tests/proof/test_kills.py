"""The command is killed at every place and at any moment, and started again until all is done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from importer.failpoints import Point
from tests.proof.attacks import OF_RESOLVE, PLACES, attack, sweep
from tests.proof.campaign import AT_RANDOM, AtPlace, Figures, campaign

KILLS_OF_A_CAMPAIGN = 25
KILLS_OF_SEVERAL = 20
SIDE_BY_SIDE = max(2, os.cpu_count() or 1)


def total(campaigns: Sequence[Callable[[], Figures]]) -> Figures:
    """Carry campaigns out, some at a time, and return what they came to."""
    figures = Figures()
    began = time.monotonic()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for ended in [pool.submit(campaign) for campaign in campaigns]:
            figures.add(ended.result())
    figures.seconds = time.monotonic() - began
    return figures


def test_a_small_import_may_be_killed_each_time_that_it_comes_to_any_place(
    tmp_path: Path, figures: Figures
) -> None:
    runs = [partial(sweep, tmp_path, place) for place in PLACES if place not in OF_RESOLVE[:1]]
    answers = [partial(sweep, tmp_path / "answers", place, resolving=True) for place in OF_RESOLVE]
    found = total([*runs, *answers])
    figures.add(found)
    assert not found.found, "\n".join(found.complaints())
    assert found.places.keys() == set(PLACES)


def test_commands_may_be_killed_at_any_moment_and_every_lead_is_created_once_in_the_end(
    tmp_path: Path, kills: int, figures: Figures
) -> None:
    wanted = max(kills - figures.kills, KILLS_OF_A_CAMPAIGN)
    seeds = [str(number) for number in range(-(-wanted // KILLS_OF_A_CAMPAIGN))]
    found = total([partial(attack, tmp_path / seed, seed, KILLS_OF_A_CAMPAIGN) for seed in seeds])
    figures.add(found)
    assert not found.found, "\n".join(found.complaints())
    assert found.places[AT_RANDOM] > 0
    assert found.most_doubted > 1, "requests were under way when kills came"


def test_a_run_that_sends_from_several_processes_may_be_killed_as_well(
    tmp_path: Path, kills: int, figures: Figures
) -> None:
    seeds = [f"processes {number}" for number in range(max(2, kills // 200))]
    found = total([partial(attack, tmp_path / seed, seed, KILLS_OF_SEVERAL, processes=2) for seed in seeds])
    figures.add(found)
    assert not found.found, "\n".join(found.complaints())
    assert found.most_doubted > 1, "requests were under way when kills came"


def test_results_that_are_written_again_after_a_kill_tell_of_every_row(tmp_path: Path) -> None:
    with campaign(tmp_path / "campaign") as small:
        name = small.add_input(3)
        small.run([name])
        assert small.run([name], AtPlace(Point.ROWS_ENROLLED))
        small.rewrite(name)
        small.ask()
        assert not small.figures.found, "\n".join(small.figures.complaints())
