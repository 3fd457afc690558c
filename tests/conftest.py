"""What tests of several modules need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses


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
