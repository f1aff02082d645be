"""The README's examples, run as printed against a stack that was started as it says."""

import re
import subprocess
import sys
from pathlib import Path

from integration.answers import until
from integration.stacks import RunningStack

README = Path(__file__).resolve().parents[2] / "README.md"


def _example(name: str) -> str:
    match = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    assert match, f"README.md has no example named {name}"
    return match.group(1)


def _run_count(stack: RunningStack) -> int:
    with stack.client() as client:
        found: int = len(client.get("/api/v1/runs", params={"workspace_id": "acme"}).json()["data"])
        return found


def test_the_curl_line_and_the_emitter_example_work_as_printed(stack: RunningStack) -> None:
    command = _example("curl").replace("http://127.0.0.1:8000", stack.api_url)
    posted = subprocess.run(["sh", "-c", f"{command.strip()} --silent"], capture_output=True, text=True, check=True)
    assert '"accepted":1,"rejected":0' in posted.stdout, posted.stdout
    until(lambda: _run_count(stack) == 1, "the curl line's run")
    environment = {**stack.environment, "RUNTALLY_KAFKA_BOOTSTRAP": stack.bootstrap}
    subprocess.run([sys.executable, "-c", _example("emitter")], env=environment, check=True, timeout=60)
    until(lambda: _run_count(stack) == 2, "the emitter's run")
    client_example = _example("client").replace("http://127.0.0.1:8000", stack.api_url)
    said = subprocess.run([sys.executable, "-c", client_example], capture_output=True, text=True, check=True)
    # The emitter's run is of today, whenever that is; the other two are of the day that is asked for.
    assert said.stdout.startswith("queryable: True - runs: "), said.stdout
    with stack.client() as client:
        runs = client.get("/api/v1/runs", params={"workspace_id": "acme", "model": "gpt-5.1"}).json()["data"]
    run = next(run for run in runs if not str(run["run_id"]).startswith("hello"))
    assert (run["status"], run["input_tokens"], run["cache_read_tokens"]) == ("succeeded", 1200, 800)
    assert run["cost_usd"] == "0.0049"


def test_the_emitter_example_is_about_ten_lines() -> None:
    lines = [line for line in _example("emitter").splitlines() if line.strip()]
    assert len(lines) <= 10
