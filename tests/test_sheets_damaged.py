"""Damaged files: whatever is cut off or flipped in one, it is read or refused, and nothing else happens.

``FUZZ_CASES=2000 pytest tests/test_sheets_damaged.py`` tries so many damages of each file and kind.
"""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from importer.errors import SheetError, UsageError
from importer.intake import Selection, open_inputs
from importer.model import InvalidRow, Lead
from importer.sheets import workbook
from tests.test_corpus import FILES

CASES = int(os.environ.get("FUZZ_CASES", "15"))

Ends = list[tuple[str, int, Lead | InvalidRow]]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(1, len(content))]


def flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 3, 10))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def overwritten(content: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(content)), chance.randrange(1, 64)
    filling = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size), content[:size]))
    return (content[:at] + filling + content[at + size :])[: len(content)]


def damaged_inside(content: bytes, chance: random.Random) -> bytes:
    """Return the archive with one part damaged and its checksum right, as a faulty program writes it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice([name for name, part in parts.items() if part])
    parts[name] = chance.choice((cut, flipped, overwritten))(parts[name], chance)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return stream.getvalue()


def ends_of(path: Path) -> Ends | None:
    """Return what the rows of a file are; None if it is refused, as a person can read."""
    try:
        inputs, _ = open_inputs([str(path)], Selection())
        return [
            (found.sheet.name, row.place.row, end)
            for found in inputs
            for chunk in found.leads()
            for row, end in chunk
        ]
    except UsageError as error:
        refusal = str(error)
    assert path.name in refusal
    return None


def chance_of(path: Path, damage: Callable[..., object]) -> random.Random:
    return random.Random(f"{path.name} {damage.__name__}")  # noqa: S311 - the same cases each time


def kinds_of(path: Path) -> list[Callable[[bytes, random.Random], bytes]]:
    return [cut, flipped, overwritten, *([damaged_inside] if zipfile.is_zipfile(path) else [])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_damaged_file_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    file = tmp_path / path.name
    for damage in kinds_of(path):
        chance = chance_of(path, damage)
        for _ in range(CASES):
            file.write_bytes(damage(content, chance))
            ends_of(file)


@pytest.mark.parametrize(
    "path", [path for path in FILES if zipfile.is_zipfile(path)], ids=lambda path: path.name
)
def test_no_damage_of_a_zipped_workbook_changes_a_row(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    file = tmp_path / path.name
    file.write_bytes(content)
    sound = ends_of(file)
    for damage in (cut, flipped, overwritten):
        chance = chance_of(path, damage)
        for _ in range(CASES):
            file.write_bytes(damage(content, chance))
            assert ends_of(file) in (None, sound)


def test_a_panic_of_the_reader_refuses_the_file() -> None:
    # The class of pyo3 cannot be imported; it derives from BaseException, and its message may quote a cell.
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(SheetError, match="damaged or incomplete") as refusal, workbook._refusing("a.xlsx"):
        raise panic("0901234567")
    assert "0901234567" not in str(refusal.value)


def test_what_is_no_panic_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt), workbook._refusing("a.xlsx"):
        raise KeyboardInterrupt
