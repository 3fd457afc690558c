"""What was measured of a run, as plots that stand in an HTML page: SVG without a script or style of its own.

The library decides where everything goes, and the page's own style sheet how it looks, by class: a series is
``series-NAME``, so it has the colour of that name in light and in dark.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from importer.language import _
from importer.measuring import Histogram, Measured
from importer.model import OutcomeName
from importer.page.numbers import about, elapsed, length

if TYPE_CHECKING:
    from pygal.graph.graph import Graph

WIDTH, HEIGHT = 460, 230
"""In the units of the SVG: a phone shows them as they are, whatever is wider a little larger."""

_LABEL_SIZE = 11

# More labels would run into each other.
_MOST_LABELS = 7

_BARS = 24

# A tenth of a unit is less than anybody sees.
_LONG = re.compile(r"[0-9]+\.[0-9]{2,}")

# Classes that only a script would look at.
_IDLE = frozenset({"reactive", "tooltip-trigger"})

# What is spread further than this shows nothing of its small values on a linear scale.
_WIDE = 15


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot, and what a reader needs beside it."""

    title: str
    explained: str
    svg: str
    """An element of HTML, safe as it is."""

    legend: Sequence[tuple[str, str]] = ()
    """The name of each series in the style sheet, and what it is called."""


def charts_of(measured: Measured, seconds: float, names: Callable[[OutcomeName], str]) -> list[Chart]:
    """Return the plots of a run that took so many `seconds`; `names` are what outcomes are called."""
    found = []
    if measured.stretches:
        found.append(_outcomes(measured, seconds, names))
    if measured.histogram.counts:
        found += [_throughput(measured, seconds), _latency(measured), _spread(measured.histogram)]
    return found


def _outcomes(measured: Measured, seconds: float, names: Callable[[OutcomeName], str]) -> Chart:
    ended = {outcome for stretch in measured.stretches for outcome in stretch.outcomes}
    series = [outcome for outcome in OutcomeName if outcome in ended]
    lengths = _lengths(measured, seconds)
    chart = _chart("StackedBar", measured)
    for outcome in series:
        counts = [stretch.outcomes.get(outcome, 0) for stretch in measured.stretches]
        chart.add(names(outcome), _rates(counts, lengths))
    title = _("Outcomes over time")
    return Chart(
        title,
        _("Rows that ended, a second"),
        _svg(chart, title, series),
        [(outcome, names(outcome)) for outcome in series],
    )


def _throughput(measured: Measured, seconds: float) -> Chart:
    lengths = _lengths(measured, seconds)
    chart = _chart("StackedBar", measured)
    firsts = [stretch.requests - stretch.retries for stretch in measured.stretches]
    retries = [stretch.retries for stretch in measured.stretches]
    legend = [("first", _("first tries")), ("retry", _("tries again"))]
    for (_name, called), counts in zip(legend, (firsts, retries), strict=True):
        chart.add(called, _rates(counts, lengths))
    title = _("Throughput")
    return Chart(title, _("Requests that ended, a second"), _svg(chart, title, ["first", "retry"]), legend)


def _latency(measured: Measured) -> Chart:
    found = [stretch.latency for stretch in measured.stretches]
    every = [seconds for latency in found if latency for seconds in latency]
    chart = _chart(
        "Line",
        measured,
        value_formatter=length,
        logarithmic=max(every) > _WIDE * min(every),
        show_dots=sum(latency is not None for latency in found) < _MOST_LABELS,
        dots_size=2,
    )
    legend = [("p50", "p50"), ("p95", "p95"), ("p99", "p99")]
    for name, _called in legend:
        chart.add(name, [getattr(latency, name) if latency else None for latency in found])
    title = _("Latency over time")
    explained = _("How long requests took: half of them no longer than p50, 95 of 100 than p95, 99 than p99")
    return Chart(title, explained, _svg(chart, title, [name for name, _called in legend]), legend)


def _spread(histogram: Histogram) -> Chart:
    bars = bars_of(histogram, _BARS)
    chart = _chart("Bar")
    _label(chart, [length(limit) for limit, _count in bars])
    chart.add("", [count or None for _limit, count in bars])
    title = _("Latency of all requests")
    return Chart(title, _("How many requests took how long, at most"), _svg(chart, title, ["spread"]))


def bars_of(histogram: Histogram, most: int) -> list[tuple[float, int]]:
    """Return at most so many bars: the limit of each, in seconds, and its count.

    Each limit is longer than the one before by the same factor.
    """
    spans = histogram.spans()
    shortest, longest = spans[0][0], spans[-1][0]
    # Two bars for each doubling, or fewer where that would be too many.
    factor = max(2**0.5, (longest / shortest) ** (1 / (most - 1)))
    counts = [0] * (ceil(round(log(longest / shortest, factor), 6)) + 1)
    for seconds, count in spans:
        counts[ceil(round(log(seconds / shortest, factor), 6))] += count
    return [(shortest * factor**index, count) for index, count in enumerate(counts)]


def _lengths(measured: Measured, seconds: float) -> list[float]:
    """Return the length of each stretch, in seconds: the run may have ended within the last one."""
    last = seconds - measured.width * (len(measured.stretches) - 1)
    # Of a moment no rate is told.
    last = min(max(last, measured.width / 4), measured.width)
    return [measured.width] * (len(measured.stretches) - 1) + [last]


def _rates(counts: Iterable[int], lengths: Iterable[float]) -> list[float | None]:
    """Return how many a second there were; of none no bar is drawn."""
    return [count / long if count else None for count, long in zip(counts, lengths, strict=True)]


def _every(labels: int) -> int:
    """Return which labels are shown: every so many, a number that is easy to count with."""
    return next(step for step in (1, 2, 5, 10, 20, 50) if labels <= step * _MOST_LABELS)


def _label(chart: Graph, labels: Sequence[str]) -> None:
    every = _every(len(labels))
    # The library takes labels that read alike for one, and would show them all.
    chart.x_labels = ["" if index % every else label for index, label in enumerate(labels)]
    chart.x_labels_major_every = every


def _pygal() -> Any:
    """Return the library, without what it leaves among Python's own finders of modules.

    That is for plug-ins with maps, and so old a kind of finder that Python may warn at each later import.
    """
    import pygal.style

    sys.meta_path[:] = [found for found in sys.meta_path if not isinstance(found, pygal.PluginImportFixer)]
    return pygal


def _chart(kind: str, over_time: Measured | None = None, **options: object) -> Graph:
    pygal = _pygal()
    style = pygal.style.Style(label_font_size=_LABEL_SIZE, major_label_font_size=_LABEL_SIZE)
    options = {"value_formatter": about, **options}
    chart = getattr(pygal, kind)(
        width=WIDTH,
        height=HEIGHT,
        margin=4,
        spacing=6,
        style=style,
        js=[],
        show_legend=False,
        show_minor_x_labels=False,
        max_scale=6,
        truncate_label=-1,
        **options,
    )
    if over_time is not None:
        moments = [index * over_time.width for index in range(len(over_time.stretches))]
        every = _every(len(moments))
        _label(chart, [elapsed(moment, every * over_time.width) for moment in moments])
    return chart


def _svg(chart: Graph, title: str, series: Iterable[str]) -> str:
    """Return `chart` as an element of HTML, with nothing but shapes, texts and classes."""
    root = ElementTree.fromstring(chart.render())  # noqa: S314 - the library has just written it
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _strip(root)
    classes = {f"color-{index}": f"series-{name}" for index, name in enumerate(series)}
    for element in root.iter():
        element.attrib = {
            name: _LONG.sub(lambda found: f"{float(found[0]):.1f}", value)
            for name, value in element.attrib.items()
            if value and name not in ("rx", "ry")
        }
        if "class" in element.attrib:
            names = element.attrib["class"].split()
            element.set("class", " ".join(classes.get(name, name) for name in names if name not in _IDLE))
    root.attrib = {"viewBox": root.attrib["viewBox"], "class": "chart", "role": "img", "aria-label": title}
    return ElementTree.tostring(root, encoding="unicode", method="html")


def _strip(parent: Any) -> None:
    """Take out what the page has no use for, and let a browser tell the value of a shape by itself."""
    for child in list(parent):
        if child.tag == "desc":
            if child.get("class") == "value":
                # The first one in a shape's group is what a browser shows beside the pointer.
                ElementTree.SubElement(parent, "title").text = child.text
            parent.remove(child)
        elif child.tag in ("defs", "title") or "overlay" in child.get("class", ""):
            parent.remove(child)
        else:
            _strip(child)
