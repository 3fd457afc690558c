"""The report of a run in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.language import speaking
from importer.page import write_page
from tests.browser import BROWSER, browser_tab
from tests.test_page import HOSTILE, hostile_report

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")

# Of the colours that are seen: the ground of the page, and a bar of the first plot.
_COLOURS = """[getComputedStyle(document.body).backgroundColor,
    getComputedStyle(document.querySelector('.chart .series rect')).fill]"""

# What is wider than its box, and labels that stand out of their plot.
_CUT_OFF = """[
    ...[...document.querySelectorAll('body *')].filter(one => one.scrollWidth > one.clientWidth + 1
        && one.clientWidth),
    ...[...document.querySelectorAll('svg.chart text')].filter(label => {
        const plot = label.closest('svg').getBoundingClientRect(), own = label.getBoundingClientRect();
        return own.left < plot.left - 1 || own.right > plot.right + 1;
    }),
].map(one => one.textContent)"""


async def test_a_browser_shows_the_page_without_a_complaint_a_request_or_a_need_to_scroll_sideways(
    tmp_path: Path,
) -> None:
    path = tmp_path / "report.html"
    write_page(path, hostile_report(HOSTILE + "x" * 300))
    colours = set()
    async with browser_tab() as tab:
        for width, scheme in ((390, "light"), (320, "dark"), (1200, "dark")):
            await tab.open(path, width=width, scheme=scheme)
            assert await tab.evaluate("document.documentElement.scrollWidth") == width
            colours.add(tuple(await tab.evaluate(_COLOURS)))
            assert await tab.evaluate("document.querySelectorAll('figure svg').length") == 4
        # The style sheet is the only one, and the browser has let it in.
        assert await tab.evaluate("document.styleSheets.length") == 1
        assert await tab.evaluate("document.title") == f"Import of leads: {', '.join(tab_title())}"
    assert len(colours) == 2
    assert tab.console == []
    assert set(tab.requests) == {path.as_uri()}


def tab_title() -> list[str]:
    return [HOSTILE + "x" * 300] * 2


async def test_nothing_is_cut_off_in_vietnamese_on_a_phone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with speaking("vi"):
        write_page(path, hostile_report("khach-hang.csv"))
    async with browser_tab() as tab:
        await tab.open(path, width=390)
        assert await tab.evaluate("document.documentElement.lang") == "vi"
        assert await tab.evaluate(_CUT_OFF) == []
