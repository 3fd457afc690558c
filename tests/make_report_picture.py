"""Write sample_data/report.png: the top of the report of a run, as a browser shows it.

Run as ``python -m tests.make_report_picture``; it takes a minute, and chromium. The run is a real one,
against a local lead API with faults.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from importer.console import Silent
from importer.importing import import_files
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.settings import load_settings
from tests.browser import browser_tab
from tests.make_sample_data import FOLDER
from tests.support import set_faults, write_leads

PICTURE = FOLDER / "report.png"

WIDTH, HEIGHT = 840, 1340

_LEADS = 6000

_FAULTS = (
    "429:retry-after=2,every=1100",
    "400:reason=unknown_customer,rate=0.02",
    "drop-after:every=1300",
    "503:format=api,rate=0.03",
    "delay:seconds=0.4,rate=0.02",
    "delay:seconds=0.06,rate=0.5",
    "delay:seconds=0.03",
)


def leads_with_gaps(path: Path) -> None:
    """Write leads of which some have no phone, and some stand there twice."""
    lines = write_leads(path, _LEADS).read_text(encoding="utf-8").splitlines()
    for index in range(50, _LEADS, 97):
        customer, name, _, *address = lines[index].split(",")
        lines[index] = ",".join((customer, name, "", *address))
    for index in range(40, _LEADS, 431):
        lines[index] = lines[index - 5]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


async def write_picture(folder: Path) -> None:
    """Import leads in `folder`, and write a picture of the report."""
    leads_with_gaps(folder / "leads.csv")
    page = folder / "report.html"
    async with LocalApi(LOCAL_CREDENTIALS, seed=3) as api:
        set_faults(api, *_FAULTS)
        loaded = load_settings(
            {"env": "local", "base_url": api.base_url, "ledger": folder / "ledger", "report": page},
            environment={},
            folder=folder,
        )
        await import_files([str(folder / "leads.csv")], loaded.settings, watcher=Silent())
    # The reader's folder is called otherwise.
    page.write_text(page.read_text(encoding="utf-8").replace(f"{folder}/", ""), encoding="utf-8")
    async with browser_tab() as tab:
        await tab.open(page, width=WIDTH)
        PICTURE.write_bytes(await tab.picture(HEIGHT))


def main() -> None:
    """Write the picture anew."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(write_picture(Path(folder)))


if __name__ == "__main__":
    main()
