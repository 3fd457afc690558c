"""Those that the importer is held against.

``newman`` and ``drt`` are tools, and their modules write what these need. The others are scripts as any
engineer would write them: ``read_csv`` reads a sheet, the rest read, sign, post, parse, and record nothing.
Of the rest each is ``python -m tests.bench.peers.NAME SHEET BASE_URL CONCURRENCY``, takes the credentials
from the environment, and prints a line of JSON: how many were ``created`` in how many ``seconds`` of sending.
"""
