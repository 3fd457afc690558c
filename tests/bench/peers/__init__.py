"""Scripts that do the same job as any engineer would write them: read, sign, post, parse, record nothing.

Each is ``python -m tests.bench.peers.NAME SHEET BASE_URL CONCURRENCY``, takes the credentials from the
environment, and prints a line of JSON: how many were ``created`` in how many ``seconds`` of sending.
"""
