"""requests: a plain loop where the concurrency is 1, else threads with a session each."""

from __future__ import annotations

import threading
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.bench.peers import common


def send(given: Namespace) -> int:
    """Send all leads, so many at once, and return how many were created."""
    signer = common.credentials()
    leads = common.leads(given.sheet)
    one_at_a_time = threading.Lock()

    def next_lead() -> dict[str, str] | None:
        # A generator cannot be asked by two threads at once.
        with one_at_a_time:
            return next(leads, None)

    def work() -> int:
        created = 0
        with requests.Session() as session:
            while (lead := next_lead()) is not None:
                body, headers = common.request_of(lead, signer)
                response = session.post(given.url, data=body, headers=headers, timeout=60)
                created += common.is_application(response.status_code, response.content)
        return created

    if given.concurrency == 1:
        return work()
    with ThreadPoolExecutor(given.concurrency) as pool:
        return sum(future.result() for future in [pool.submit(work) for _ in range(given.concurrency)])


def main() -> None:
    """Send as the arguments say."""
    given = common.arguments()
    begun = time.perf_counter()
    created = send(given)
    common.report(created, time.perf_counter() - begun)


if __name__ == "__main__":
    main()
