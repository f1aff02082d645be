"""An HTTP server that greets like ClickHouse, and answers inserts with whatever bytes a test likes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from runtally_clickhouse.client import Store
from runtally_clickhouse.location import StoreLocation

ACCEPTED = {"X-ClickHouse-Query-Id": "q", "X-ClickHouse-Summary": '{"written_rows":"1"}'}


def answer(
    status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", length: int | None = None
) -> bytes:
    """An HTTP answer. `length` is the one it claims to have; the connection is closed behind it."""
    lines = [f"HTTP/1.1 {status} Told"]
    claimed = {"Content-Length": str(len(body) if length is None else length), "Connection": "close"}
    lines += [f"{name}: {value}" for name, value in {**claimed, **(headers or {})}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refusal(code: int, status: int = 500) -> bytes:
    """What a server answers that refuses with a code."""
    body = f"Code: {code}. DB::Exception: told so. (TOLD_SO) (version 26.7.1.1)".encode()
    return answer(status, {"X-ClickHouse-Exception-Code": str(code)}, body)


class Answers:
    """What inserts are answered with: the first of `script`, and its last one from then on."""

    def __init__(self, *script: bytes) -> None:
        self.script = list(script)
        self.inserts = 0

    def next_one(self) -> bytes:
        self.inserts += 1
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def answering(*script: bytes) -> Iterator[tuple[Store, Answers]]:
    """A store whose server gives these answers."""
    answers = Answers(*script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = parse_qs(urlsplit(self.path).query).get("query", [body.decode("utf-8", "replace")])[0]
            if query.startswith("INSERT"):
                self.wfile.write(answers.next_one())
                self.close_connection = True
            else:
                self.wfile.write(answer(200, ACCEPTED, _greeting(query)))

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        store = Store(StoreLocation.server(f"http://127.0.0.1:{server.server_port}/default"))
        try:
            yield store, answers
        finally:
            store.close()
            server.shutdown()
            serving.join()


def _greeting(query: str) -> bytes:
    return b"26.7.1.1\tUTC\n" if "version()" in query else b""
