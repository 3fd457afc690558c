"""A bare aiohttp loop, on asyncio's own loop or on uvloop: the limit for a client of one process."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace

import aiohttp

from tests.bench.peers import common


async def send(given: Namespace) -> int:
    """Send all leads, so many at once, and return how many were created."""
    signer = common.credentials()
    leads = common.leads(given.sheet)
    created = 0
    connector = aiohttp.TCPConnector(limit=given.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            nonlocal created
            for lead in leads:
                body, headers = common.request_of(lead, signer)
                async with session.post(given.url, data=body, headers=headers) as response:
                    created += common.is_application(response.status, await response.read())

        await asyncio.gather(*(work() for _ in range(given.concurrency)))
    return created


def main() -> None:
    """Send as the arguments say."""
    given = common.arguments()
    loop_factory = None
    if given.uvloop:
        import uvloop

        loop_factory = uvloop.new_event_loop
    begun = time.perf_counter()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        created = runner.run(send(given))
    common.report(created, time.perf_counter() - begun)


if __name__ == "__main__":
    main()
