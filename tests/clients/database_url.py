"""Prints the address of a Postgres server (first argument) with another database (second)."""

import sys
from urllib.parse import urlsplit, urlunsplit

server, database = sys.argv[1:]
parts = urlsplit(server)
print(urlunsplit((parts.scheme, parts.netloc, "/" + database, parts.query, parts.fragment)))
