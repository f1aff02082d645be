"""`runtally status`: what runs on the data folder, as its own health ports tell it."""

import json
import urllib.error
import urllib.request
from typing import Any

from runtally_cli.local.ports import LOOPBACK
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owner_of


def stack_status(settings: LocalSettings) -> tuple[list[str], bool]:
    """Lines for people, and whether everything is ready."""
    owner = owner_of(settings.data_dir)
    if owner is None:
        return [f"nothing runs on {settings.data_dir}: start it with `runtally up`"], False
    checks = {
        "API": f"http://{LOOPBACK}:{settings.api_port}/ready",
        "consumer": f"http://{LOOPBACK}:{settings.consumer_port}/ready",
        "dashboard": f"http://{LOOPBACK}:{settings.ui_port}/_stcore/health",
    }
    answers = {name: _ask(url) for name, url in checks.items()}
    lines = [f"process {owner} runs on {settings.data_dir}"]
    lines += [f"{name:10} {'ready' if ok else 'not ready'}{detail}" for name, (ok, detail) in answers.items()]
    return lines, all(ok for ok, _ in answers.values())


def _ask(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True, ""
    except urllib.error.HTTPError as error:
        return False, f": {_reason(error.read())}"
    except OSError as error:
        return False, f": {error}"


def _reason(body: bytes) -> str:
    try:
        answer: dict[str, Any] = json.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace")
    return "; ".join(answer.get("reasons", [])) or str(answer.get("reason", ""))
