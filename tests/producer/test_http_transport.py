"""Delivery over HTTP against a server that answers as the contract says the API does, and worse."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from producer.conftest import Emitters
from runtally import HttpTransport, InvalidSettings, Receipt, Record, TransportUnavailable
from runtally.events import EVENTS
from runtally.http_transport import PATHS

Answer = tuple[int, dict[str, str], bytes]
RECORDS = [Record("agent-runs.v1", b"k", b'{"n":%d}' % n) for n in range(4)]
TAKEN: Answer = (202, {}, b'{"accepted":1}')


class Api(ThreadingHTTPServer):
    """Answers what `answer` says, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str], list[bytes]]] = []
        self.connections = 0
        self.answer: Callable[[list[bytes]], Answer] = lambda _: TAKEN

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self) -> list[list[bytes]]:
        return [lines for _, _, lines in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).split(b"\n")
        self.server.asked.append((self.path, dict(self.headers), lines))
        status, headers, body = self.server.answer(lines)
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def send(transport: HttpTransport, records: list[Record], times: int = 1) -> Receipt:
    async def sending() -> Receipt:
        try:
            for _ in range(times):
                receipt = await transport.send(records)
            return receipt
        finally:
            await transport.close()

    return asyncio.run(sending())


def problem(status: int, **fields: Any) -> Answer:
    return status, {"Content-Type": "application/problem+json"}, json.dumps({"title": "no", **fields}).encode()


def test_records_go_as_ndjson_to_their_address(api: Api) -> None:
    mixed = [*RECORDS, Record("agent-feedback.v1", b"k", b"{}")]
    assert send(HttpTransport(api.url + "/base/", token="secret"), mixed) == Receipt([], [], "")
    (path, headers, lines), (other, _, _) = api.asked
    assert (path, other) == ("/base/api/v1/runs", "/base/api/v1/feedback")
    assert lines == [record.value for record in RECORDS]
    assert headers["Content-Type"] == "application/x-ndjson"
    assert headers["Authorization"] == "Bearer secret"


def test_every_topic_has_its_address() -> None:
    assert set(PATHS) == {model.topic for model in EVENTS}


def test_one_connection_serves_many_requests(api: Api) -> None:
    send(HttpTransport(api.url), RECORDS, times=5)
    assert (len(api.asked), api.connections) == (5, 1)


def test_the_rejected_are_refused_and_the_others_taken(api: Api) -> None:
    errors = [{"index": 1, "field": "input_tokens", "message": "must be >= 0"}, {"index": 99, "message": "?"}]
    api.answer = lambda _: problem(422, errors=errors)
    receipt = send(HttpTransport(api.url), RECORDS)
    assert [(refusal.record, refusal.reason) for refusal in receipt.refused] == [
        (RECORDS[1], "input_tokens must be >= 0")
    ]
    assert receipt.undelivered == []


@pytest.mark.parametrize("status", [400, 413])
def test_a_body_that_is_refused_as_a_whole_is_halved(api: Api, status: int) -> None:
    api.answer = lambda lines: problem(status, detail="no") if RECORDS[2].value in lines else TAKEN
    receipt = send(HttpTransport(api.url), RECORDS)
    assert [refusal.record for refusal in receipt.refused] == [RECORDS[2]]
    assert receipt.refused[0].reason == f"the API answered {status}: no"
    assert [len(lines) for lines in api.bodies()] == [4, 2, 2, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        problem(503, detail="no broker"),
        problem(429),
        problem(500),
        problem(401, detail="who?"),
        problem(404),
        problem(415),
        problem(422, detail="not said which"),
        (302, {"Location": "http://example.com"}, b""),
        (502, {}, b"<html>\xff bad gateway"),
        (0, {}, b""),
    ],
    ids=lambda answer: str(answer[0]),
)
def test_everything_else_is_tried_again(api: Api, answer: Answer) -> None:
    api.answer = lambda _: answer
    with pytest.raises(TransportUnavailable) as raised:
        send(HttpTransport(api.url), RECORDS)
    assert str(raised.value)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", 0.0), ("-1", 0.0)])
def test_the_api_says_when_to_try_again(api: Api, header: str, seconds: float) -> None:
    api.answer = lambda _: (503, {"Retry-After": header}, b"")
    with pytest.raises(TransportUnavailable) as raised:
        send(HttpTransport(api.url), RECORDS)
    assert raised.value.retry_after == seconds


def test_a_kept_connection_that_was_closed_is_replaced(api: Api) -> None:
    async def twice() -> None:
        transport = HttpTransport(api.url)
        await transport.send(RECORDS)
        answers = iter([(0, {}, b""), TAKEN])
        api.answer = lambda _: next(answers)
        await transport.send(RECORDS)
        await transport.close()

    asyncio.run(twice())
    assert (len(api.asked), api.connections) == (3, 2)


def test_one_topic_that_is_away_leaves_the_others_delivered(api: Api) -> None:
    api.answer = lambda lines: problem(503) if lines == [b"{}"] else TAKEN
    feedback = Record("agent-feedback.v1", b"k", b"{}")
    receipt = send(HttpTransport(api.url), [feedback, *RECORDS])
    assert receipt.undelivered == [feedback]
    assert "503" in receipt.reason


def test_a_large_batch_goes_in_several_bodies(api: Api) -> None:
    records = [Record("agent-runs.v1", b"k", b"x" * 3 * 1024 * 1024)] * 5
    send(HttpTransport(api.url), records)
    assert [len(lines) for lines in api.bodies()] == [2, 2, 1]


def test_a_broken_address_is_named() -> None:
    for url in ("ftp://there", "http://", "http://there:port"):
        with pytest.raises(InvalidSettings, match="RUNTALLY_API_URL"):
            HttpTransport(url)


def test_nobody_there() -> None:
    with pytest.raises(TransportUnavailable, match="Connection"):
        send(HttpTransport("http://127.0.0.1:1"), RECORDS)


def test_a_missing_ca_file_is_trouble_and_no_crash() -> None:
    with pytest.raises(TransportUnavailable):
        send(HttpTransport("https://127.0.0.1:1", ca_file="/nowhere.pem"), RECORDS)


def test_closing_and_forking_what_never_sent() -> None:
    transport = HttpTransport("http://127.0.0.1:1")
    transport.after_fork()
    asyncio.run(transport.close())


def test_an_emitter_over_http(api: Api, emitters: Emitters) -> None:
    outage = iter([problem(503), problem(503)])
    api.answer = lambda _: next(outage, TAKEN)
    emitter = emitters(transport=HttpTransport(api.url), api_url=api.url)
    with emitter.run() as run:
        run.tokens(input=5)
    assert emitter.flush(10)
    emitter.close()
    assert emitter.stats.sent == 2
    last = json.loads(api.bodies()[-1][-1])
    assert (last["run_id"], last["status"], last["input_tokens"]) == (run.run_id, "succeeded", 5)
