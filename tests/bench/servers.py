"""The servers that contestants send to, each in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from tests.bench.own_server import Account, application
from tests.bench.processes import environment

_START_SECONDS = 30.0
_REQUESTS = re.compile(r"\n\s*\d+ \d+ (\d+)")
_LISTENS = re.compile(r"http://127\.0\.0\.1:\d+")


class ServerError(Exception):
    """A server that contestants were to send to did not start."""


class Server(Protocol):
    """A server that counts."""

    name: str
    base_url: str

    def requests(self) -> int:
        """Return how many requests for an application came until now."""

    def first_request_since(self, moment: float) -> float | None:
        """Return when the first request after `moment` came, both seconds since the epoch, if one did."""


def find_nginx() -> Path | None:
    """Return where nginx is, also where only the administrator's path has it."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def nginx_configuration(folder: Path, port: int) -> str:
    """Return a configuration that answers a fixed, valid application with an id that is new each time.

    The id is the connection's number and the request's number on it, each padded so that no two pairs make
    the same digits. Only the first request of each connection is logged, so that the log costs nothing.
    """
    answer = application("1$connection_number$request_number").replace("\\", "\\\\")
    return f"""
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  keepalive_requests 1000000000;
  keepalive_timeout 75;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  log_format moment $msec;
  map $connection_requests $first {{ 1 1; default 0; }}
{_padded("$connection_requests", "$request_number", 8)}
{_padded("$connection", "$connection_number", 7)}
  server {{
    listen 127.0.0.1:{port};
    location = /status {{ access_log off; stub_status; }}
    location / {{
      access_log {folder}/first.log moment if=$first;
      default_type application/json;
      return 200 '{answer}';
    }}
  }}
}}
"""


def _padded(variable: str, name: str, width: int) -> str:
    patterns = "".join(
        f" ~^{'.' * length}$ {'0' * (width - length)}{variable};" for length in range(1, width)
    )
    return f"  map {variable} {name} {{{patterns} default {variable}; }}"


class Nginx:
    """nginx, one worker, with its own configuration in a folder of its own."""

    name = "nginx"

    def __init__(self, folder: Path, base_url: str) -> None:
        self.base_url = base_url
        self._folder = folder
        self._asked = 0

    def requests(self) -> int:
        """Return the requests that nginx counts (ngx_http_stub_status_module), less those that asked it."""
        self._asked += 1
        found = _REQUESTS.search(_get(f"{self.base_url}/status").decode())
        assert found is not None
        return int(found[1]) - self._asked

    def first_request_since(self, moment: float) -> float | None:
        """Return when the first connection after `moment` had its first answer."""
        moments = map(float, (self._folder / "first.log").read_text().split())
        # nginx writes milliseconds, cut off.
        return min((each for each in moments if each >= moment - 0.001), default=None)


@contextmanager
def nginx(executable: Path, folder: Path) -> Iterator[Nginx]:
    """Run nginx with its files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(nginx_configuration(folder, port), encoding="utf-8")
    process = subprocess.Popen(
        [str(executable), "-c", str(configuration), "-e", "stderr"],
        cwd=folder,
        start_new_session=True,
    )
    try:
        _wait_until_it_listens(process, port)
        yield Nginx(folder, f"http://127.0.0.1:{port}")
    finally:
        _end(process)


class OwnServer:
    """The server of this package."""

    name = "own server"

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def account(self) -> Account:
        """Return what it saw until now."""
        told = json.loads(_get(f"{self.base_url}/account"))
        return Account(**{each.name: told[each.name] for each in fields(Account)})

    def requests(self) -> int:
        """Return how many requests came until now."""
        account = self.account()
        return sum(account.accepted) + sum(account.refused)

    def first_request_since(self, moment: float) -> float | None:
        """Return when the first connection after `moment` had its first request."""
        return min((each for each in self.account().connections if each >= moment), default=None)


@contextmanager
def own_server(*options: str) -> Iterator[OwnServer]:
    """Run the server of this package with these options."""
    with _listening([sys.executable, "-m", "tests.bench.own_server", *options]) as base_url:
        yield OwnServer(base_url)


class LocalApi:
    """The importer's own local API, which verifies signatures."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def applications(self) -> list[dict[str, Any]]:
        """Return the applications that it created."""
        found: list[dict[str, Any]] = json.loads(_get(f"{self.base_url}/_control/applications"))
        return found


@contextmanager
def local_api() -> Iterator[LocalApi]:
    """Run the importer's local API."""
    with _listening([sys.executable, "-m", "importer", "local-api", "--port", "0"]) as base_url:
        yield LocalApi(base_url)


@contextmanager
def _listening(arguments: Sequence[str]) -> Iterator[str]:
    process = subprocess.Popen(
        # Ctrl-C is for the benchmark, which ends its servers itself.
        arguments,
        env=environment({}),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        found = _LISTENS.search(process.stdout.readline())
        if found is None:
            raise ServerError(f"{arguments[2]} did not start; what it said stands above.")
        yield found[0]
    finally:
        _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    latest = time.monotonic() + _START_SECONDS
    while time.monotonic() < latest and process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise ServerError("nginx did not start; what it said stands above.")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _get(address: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=_START_SECONDS) as response:
        content: bytes = response.read()
        return content
