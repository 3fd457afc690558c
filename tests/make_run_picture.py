"""Write sample_data/run.svg: what a terminal of 80 columns shows of a run over the sample of bad rows.

Run as ``python tests/make_run_picture.py``. The run is a real one, against the local lead API.
"""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from importer.console import ProgressDisplay, show_report
from importer.importing import import_files
from importer.pool import RowEnded
from importer.report import ImportReport
from importer.settings import load_settings
from tests.make_sample_data import FOLDER

SAMPLES = ("template-1.csv", "every-kind-of-bad-row.csv")
PICTURE = FOLDER / "run.svg"

# Rows after which the progress bar is drawn: some way into the run.
_DRAWN_AFTER = 45


class Drawing(ProgressDisplay):
    """Draws the progress bar once, in the middle of the run, instead of on a live screen."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._drawn_on = console
        self._rows = 0

    def row_ended(self, row: RowEnded) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._rows += 1
        if self._rows == _DRAWN_AFTER:
            self._drawn_on.print(self._render())
            self._drawn_on.print()


async def run_over_samples(console: Console, folder: Path) -> ImportReport:
    """Import copies of the sample files, so that the results do not stand beside the originals."""
    sources = []
    for name in SAMPLES:
        (folder / name).write_bytes((FOLDER / name).read_bytes())
        sources.append(str(folder / name))
    settings = load_settings({"env": "local", "ledger": folder / "ledger"}, environment={}, folder=folder)
    report = await import_files(sources, settings.settings, watcher=Drawing(console))
    report.results = [Path(path.name) for path in report.results]
    report.retry_files = [Path(path.name) for path in report.retry_files]
    report.files_to_mend = [Path(path.name) for path in report.files_to_mend]
    return report


def main() -> None:
    """Write the picture anew."""
    console = Console(
        record=True,
        width=80,
        force_terminal=True,
        color_system="truecolor",
        file=io.StringIO(),
        highlight=False,
    )
    console.print(Text(f"$ lead-importer run {' '.join(SAMPLES)} --env local", style="bold"))
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(run_over_samples(console, Path(folder)))
    show_report(console, report)
    picture = console.export_svg(title="lead-importer", unique_id="run")
    # The template of rich asks a stranger's server for fonts; the reader's own will do.
    PICTURE.write_text(re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
