"""What a person sees of a run: progress on a terminal, lines elsewhere, and the report at its end.

On a terminal there is a progress bar with live counts. Elsewhere there is one line every few seconds, as text
or JSON, without control characters. Lines carry row numbers, never names, phones or addresses.
"""

from __future__ import annotations

from importer.console.history import show_history, show_past_run
from importer.console.screen import STYLES, Screen, print_error
from importer.console.showing import (
    log_report,
    show_check,
    show_findings,
    show_report,
    show_resolution,
    show_settings,
    show_templates,
)
from importer.console.watching import SECONDS_BETWEEN_LINES, LineLog, ProgressDisplay, Silent

__all__ = [
    "SECONDS_BETWEEN_LINES",
    "STYLES",
    "LineLog",
    "ProgressDisplay",
    "Screen",
    "Silent",
    "log_report",
    "print_error",
    "show_check",
    "show_findings",
    "show_history",
    "show_past_run",
    "show_report",
    "show_resolution",
    "show_settings",
    "show_templates",
]
