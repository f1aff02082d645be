"""Exits with 0 when the URL answers 200, else with 1 and the reason: `healthcheck.py http://127.0.0.1:8000/ready`.

A script of the standard library alone, as it runs every few seconds in images that have no curl.
"""

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

SECONDS = 3.0


def answer(url: str) -> tuple[int, str]:
    """The status and the beginning of the body. Raises `OSError` or `HTTPException` when nothing answers."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=SECONDS)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read(500).decode(errors="replace")
    finally:
        connection.close()


def main(url: str) -> int:
    try:
        status, body = answer(url)
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"{url}: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{status} {body}\n")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
