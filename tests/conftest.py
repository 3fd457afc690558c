"""What tests of several modules need."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses

from importer import cli
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.local_client import NOON, RESPONSES, Client
from tests.support import Command, Ended

# Wherever the tests run, they read English: in this process and in those that it starts.
os.environ["LANGUAGE"] = "en"


@pytest.fixture(autouse=True)
def user_config(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the user's settings file would be; that of whoever runs the tests is never read."""
    folder = tmp_path_factory.getbasetemp() / "config" / uuid4().hex
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder / "lead-importer" / "config.toml"


class _Response(ClientResponse):
    # aiohttp 3.14 asks for an argument that aioresponses 0.7.9 does not know.
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, stream_writer=Mock(output_size=0), **named)


class _Answers(aioresponses):
    def add(self, *arguments: Any, **named: Any) -> None:
        super().add(*arguments, **named | {"response_class": _Response})


@pytest.fixture
def answers() -> Iterator[aioresponses]:
    """Stand-ins for the API's answers, which come without a connection; so no intent is asked for."""
    with _Answers() as mock:
        yield mock


@pytest.fixture
async def api() -> AsyncIterator[LocalApi]:
    async with LocalApi(LOCAL_CREDENTIALS, clock=lambda: NOON, responses=RESPONSES) as api:
        yield api


@pytest.fixture
async def client(api: LocalApi) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        client.base_url = api.base_url
        yield client


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run the command line in this process, in an empty folder, with no settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLIENT_KEY", "CLIENT_SECRET", "CONFIG", "ENV", "LANG", "LEDGER", "PROFILE"):
        monkeypatch.delenv(f"LEAD_IMPORTER_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["lead-importer", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run
