"""How the dashboard starts, from anywhere, and what its theme is made of."""

import re
import tomllib
from typing import Any

import pytest
from pydantic import ValidationError
from runtally_ui.launch import ENTRY_SCRIPT, command, environment
from runtally_ui.settings import UiSettings

CONFIG: dict[str, Any] = tomllib.loads((ENTRY_SCRIPT.parent / ".streamlit/config.toml").read_text())


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTALLY_API_URL", "http://api.example:9000/")
    monkeypatch.setenv("RUNTALLY_UI_PORT", "8601")
    settings = UiSettings()
    assert (settings.api_url, settings.ui_port) == ("http://api.example:9000", 8601)
    with pytest.raises(ValidationError, match="frozen"):
        settings.ui_port = 1  # type: ignore[misc]  # the point of the test


def test_the_child_gets_the_settings_of_its_parent() -> None:
    settings = UiSettings(api_url="http://10.0.0.1:8000", host="0.0.0.0", ui_port=8601)
    argv = command(settings)
    assert argv[1:5] == ["-m", "streamlit", "run", str(ENTRY_SCRIPT)]
    assert {"--server.port=8601", "--server.address=0.0.0.0", "--server.headless=true"} <= set(argv)
    assert {"--server.fileWatcherType=none", "--browser.gatherUsageStats=false", "--runner.postScriptGC=false"} <= set(
        argv
    )
    env = environment(settings, {"PATH": "/bin"})
    assert (env["PATH"], env["RUNTALLY_API_URL"]) == ("/bin", "http://10.0.0.1:8000")


# The name of a drawing's kind: it looks like an address, and nobody fetches it.
_SVG_NAME = 'xmlns="http://www.w3.org/2000/svg"'


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in ENTRY_SCRIPT.parent.rglob("*"):
        if path.suffix in (".toml", ".css", ".py"):
            text = path.read_text().replace(_SVG_NAME, "")
            found = re.findall(r"https?://[^\s\"'{}:/]+", text)
            assert set(found) <= {"http://127.0.0.1"}, path


def test_both_themes_have_nine_series_colours() -> None:
    for name in ("light", "dark"):
        theme = CONFIG["theme"][name]
        assert len(set(theme["chartCategoricalColors"])) == 9
        assert {"greenColor", "redColor", "grayColor", "primaryColor"} <= set(theme)
    assert CONFIG["browser"]["gatherUsageStats"] is False


def test_the_style_sheet_has_no_angle_bracket_but_a_child_selector() -> None:
    """The browser side drops a sheet that looks as if it held a tag."""
    assert "<" not in (ENTRY_SCRIPT.parent / "style.css").read_text()
