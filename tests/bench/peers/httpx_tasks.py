"""httpx, a client with as many connections as tasks."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace

import httpx

from tests.bench.peers import common


async def send(given: Namespace) -> int:
    """Send all leads, so many at once, and return how many were created."""
    signer = common.credentials()
    leads = common.leads(given.sheet)
    created = 0
    limits = httpx.Limits(max_connections=given.concurrency, max_keepalive_connections=given.concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def work() -> None:
            nonlocal created
            for lead in leads:
                body, headers = common.request_of(lead, signer)
                response = await client.post(given.url, content=body, headers=headers)
                created += common.is_application(response.status_code, response.content)

        await asyncio.gather(*(work() for _ in range(given.concurrency)))
    return created


def main() -> None:
    """Send as the arguments say."""
    given = common.arguments()
    begun = time.perf_counter()
    created = asyncio.run(send(given))
    common.report(created, time.perf_counter() - begun)


if __name__ == "__main__":
    main()
