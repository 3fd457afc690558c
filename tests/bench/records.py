"""The JSON file of a benchmark: every measurement, the machine, the versions, the plan."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, Measurement
from tests.bench.workshop import Workshop

FORMAT = 1
_PACKAGES = ("lead-importer", "aiohttp", "pandas", "rich", "uvloop", "orjson", "requests", "httpx")


def document(
    measurements: Sequence[Measurement], figures: Iterable[Figure], surroundings: dict[str, Any]
) -> dict[str, Any]:
    """Return all that is known as JSON has it; what is infinite or no number is not in it."""
    return {
        "format": FORMAT,
        **surroundings,
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "wanted": None if figure.wanted is None else asdict(figure.wanted),
                "values": figure.values,
                **asdict(figure.spread),
                "reached": figure.reached,
            }
            for figure in figures
            if figure.values
        ],
        "measurements": [asdict(each) for each in measurements],
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """Write the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def read(path: Path) -> list[Measurement]:
    """Return the measurements of a file that :func:`write` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Measurement(**{**each, "wrong": tuple(each["wrong"])}) for each in found["measurements"]]


def surroundings(workshop: Workshop) -> dict[str, Any]:
    """Return when, with which versions, on which machine and with which plan is measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "processor": _processor(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load": list(os.getloadavg()),
            "filesystem": filesystem(workshop.folder, Path("/proc/self/mounts").read_text(encoding="utf-8")),
        },
        "versions": versions(workshop),
        "plan": asdict(workshop.plan),
    }


def versions(workshop: Workshop) -> dict[str, str]:
    """Return the versions of whatever takes part, and is installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    commands: dict[str, list[str]] = {}
    if workshop.nginx is not None:
        commands["nginx"] = [str(workshop.nginx), "-v"]
    if node := shutil.which("node"):
        commands["node"] = [node, "--version"]
    installed = {"newman": workshop.newman, "drt": workshop.drt}
    for name, path in installed.items():
        if path is not None:
            commands[name] = [str(path), "--version"]
    return found | {name: _said(command) for name, command in commands.items()}


def filesystem(folder: Path, mounts: str) -> str:
    """Return the type of the filesystem that holds `folder`, from ``/proc/self/mounts`` (proc(5)).

    On one in memory, a commit that waits for the disk waits for nothing.
    """
    kinds = {line.split()[1]: line.split()[2] for line in mounts.splitlines() if line}
    absolute = folder.resolve()
    return next((kinds[str(each)] for each in (absolute, *absolute.parents) if str(each) in kinds), "unknown")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _said(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return (ended.stdout or ended.stderr).strip().partition("\n")[0]
