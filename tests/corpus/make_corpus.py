"""Write the corpus: dirty files as real writers make them, each with what is to be read from it beside.

Run as ``python -m tests.corpus.make_corpus``. The same files come out each time, byte for byte, but for those
that LibreOffice converts: they are written anew only where ``soffice`` is installed. Tests read the files.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.corpus.cases import Case
from tests.corpus.office_cases import office_expected, office_source
from tests.corpus.text_cases import text_cases
from tests.corpus.workbook_cases import without_picture, workbook_cases

FOLDER = Path(__file__).parent / "files"


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for case in (*text_cases(), *workbook_cases(), *_converted()):
        (FOLDER / case.name).write_bytes(case.content)
        _expect(case.name, case.expected)


def _expect(name: str, expected: Mapping[str, Any]) -> None:
    text = json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
    (FOLDER / f"{name}.expected.json").write_text(text, encoding="utf-8")


def _converted() -> Iterator[Case]:
    if not (soffice := shutil.which("soffice")):
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "libreoffice.xlsx"
        source.write_bytes(office_source())
        for suffix in ("xls", "ods", "xlsx"):
            target = folder / suffix
            command = [soffice, "--headless", f"-env:UserInstallation=file://{name}/profile"]
            subprocess.run([*command, "--convert-to", suffix, "--outdir", target, source], check=True)
            content = without_picture((target / f"libreoffice.{suffix}").read_bytes())
            yield Case(f"libreoffice.{suffix}", content, office_expected())


if __name__ == "__main__":
    main()
