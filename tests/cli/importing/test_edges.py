"""Publishing, waiting, rejected rows and progress, each at its edge with a stand-in behind it."""

import asyncio
import io
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cli.importing.edges import MemoryProducer
from cli.importing.mapped import run_map, snapshot
from rich.console import Console
from runtally.events import RunSnapshot
from runtally.json_text import read_json
from runtally.violations import Violation
from runtally_cli.importing.progress import LINE_EVERY_SECONDS, Position, shown_progress
from runtally_cli.importing.publishing import Published, publish
from runtally_cli.importing.rejection import RejectedRows, place_for, rejection_line
from runtally_cli.importing.rows import Row, UnreadableFile, UnreadableRow
from runtally_cli.importing.waiting import ApiView, ask_api, wait_until_stored

RUN = snapshot(run_map(), "{}")


def snapshots(count: int) -> Iterator[RunSnapshot]:
    compiled = run_map()
    return (snapshot(compiled, f'{{"id": {number}}}') for number in range(count))


def test_everything_is_published_and_little_is_in_flight() -> None:
    producer, published = MemoryProducer(), Published()
    asyncio.run(publish(snapshots(5_000), producer, published, lambda: None))
    assert published.runs == len({key for key, _ in producer.records}) == 5_000
    assert sum(offset or 0 for offset in published.next_offsets.values()) == 5_000
    assert producer.most_in_flight <= 2_000


def test_a_record_without_an_offset_makes_the_partitions_end_unknown() -> None:
    published = Published()
    for partition, offset in ((0, 7), (1, 3), (0, -1), (0, 9), (1, 2)):
        published.add(partition, offset)
    assert published == Published(5, {0: None, 1: 4})


def test_a_broker_that_fails_ends_the_import_and_what_it_took_is_counted() -> None:
    producer, published = MemoryProducer(fails_at=150), Published()
    with pytest.raises(ConnectionError, match="gone"):
        asyncio.run(publish(snapshots(5_000), producer, published, lambda: None))
    assert published.runs == 150


def test_a_file_that_breaks_off_still_publishes_what_stood_before() -> None:
    def broken() -> Iterator[RunSnapshot]:
        yield from snapshots(10)
        raise UnreadableFile("line 11: not JSON")

    published = Published()
    with pytest.raises(UnreadableFile):
        asyncio.run(publish(broken(), MemoryProducer(), published, lambda: None))
    assert published.runs == 10


class Group:
    """A consumer group that commits one more record per partition whenever it is asked; None: no answer."""

    def __init__(self, *answers: Mapping[int, int] | None) -> None:
        self.answers, self.asked, self.now = list(answers), 0, 0.0

    async def committed(self, partitions: Iterable[int]) -> Mapping[int, int]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if answer is None:
            raise OSError("no answer")
        return answer

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, wanted: Mapping[int, int], seconds: float = 1.0) -> int:
        return asyncio.run(wait_until_stored(wanted, self.committed, seconds, clock=lambda: self.now, sleep=self.sleep))


def test_waiting_ends_when_every_partition_is_committed() -> None:
    group = Group({}, None, {0: 4, 1: 9}, {0: 5, 1: 9})
    assert group.wait({0: 5, 1: 8}) == 0
    assert group.asked == 4


def test_waiting_ends_when_the_time_is_over() -> None:
    assert Group({0: 4, 1: 9}).wait({0: 5, 1: 8, 2: 1}) == 2
    assert Group(None).wait({0: 5}) == 1
    assert Group({}).wait({}) == 0


@pytest.mark.parametrize(("status", "view"), [(200, ApiView.HAS_IT), (404, ApiView.LACKS_IT), (500, ApiView.SILENT)])
def test_the_api_is_asked_for_the_last_run(status: int, view: ApiView) -> None:
    asked: list[str] = []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert ask_api(f"http://127.0.0.1:{server.server_port}", RUN) is view
        thread.join()
        port = server.server_port
    assert asked == [f"/api/v1/runs/{RUN.id}?workspace_id=acme"]
    assert ask_api(f"http://127.0.0.1:{port}", RUN) is ApiView.SILENT
    assert ask_api("nonsense", RUN) is ApiView.SILENT


def test_rejected_rows_are_kept_with_line_reason_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv.rejected.jsonl"
    with RejectedRows(path) as rejected:
        row = read_json(b'{"id": "r", "cost": 0.10, "nan": NaN, "deep": [1e3, "\\ud800"]}')
        rejected.add(Row(7, row), [Violation("cost_usd", "must be >= 0", "send null"), Violation("", "odd", "mend")])
        rejected.add(Row(9, UnreadableRow("not JSON", "{x")), [Violation("", "not JSON", "mend the line")])
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == {
        "line": 7,
        "reason": "cost_usd must be >= 0; odd",
        "errors": [
            {"field": "cost_usd", "message": "must be >= 0", "remedy": "send null"},
            {"field": "", "message": "odd", "remedy": "mend"},
        ],
        "row": {"id": "r", "cost": 0.1, "nan": "NaN", "deep": [1000.0, "\ud800"]},
    }
    assert '"cost":0.10' in first  # every digit as it was
    assert json.loads(second)["text"] == "{x"
    assert "row" not in json.loads(second)


def test_a_rejected_row_that_cannot_be_written_is_still_told() -> None:
    deep: list[object] = []
    for _ in range(2_000):
        deep = [deep]
    told = json.loads(rejection_line(Row(3, {"deep": deep}), [Violation("", "nested", "flatten")]))
    assert (told["line"], told["reason"], "row" in told) == (3, "nested", False)


def test_rejected_rows_of_an_earlier_import_do_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    with RejectedRows(path) as rejected:
        rejected.add(Row(1, {}), [Violation("", "odd", "mend")])
    with RejectedRows(path):
        pass
    assert not path.exists()
    path.write_text("somebody's own\n")
    with RejectedRows(path):
        pass
    assert path.read_text() == "somebody's own\n"


def test_rejected_rows_go_beside_the_file_or_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.csv.gz"
    assert place_for(file) == tmp_path / "runs.csv.gz.rejected.jsonl"
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert place_for(file) == Path("runs.csv.gz.rejected.jsonl")


def test_progress_is_a_line_now_and_then_where_nobody_looks_on() -> None:
    now = 0.0
    out = io.StringIO()
    with shown_progress(Console(file=out, force_terminal=False), lambda: now) as show:
        for rows in range(1, 5):
            now += LINE_EVERY_SECONDS / 2
            show(Position(rows, rows - 1, 1, rows / 4))
    assert out.getvalue() == (
        "read 2, published 1, rejected 1 (50% of the file)\nread 4, published 3, rejected 1 (100% of the file)\n"
    )


def test_progress_is_a_bar_on_a_terminal() -> None:
    out = io.StringIO()
    with shown_progress(Console(file=out, force_terminal=True, width=100)) as show:
        show(Position(5, 4, 1, 0.5))
    assert "read 5, published 4, rejected 1" in out.getvalue()
