"""Takes the README's picture of a running dashboard: `make demo`, and when its fleet is there

PYTHONPATH=tests .venv/bin/python -m ui.readme_pictures [http://127.0.0.1:8501] [--name recorded-runs]
"""

import argparse
import io
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from ui.dashboard_process import CHROMIUM, FLAGS

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
MOST_BYTES: Final = 250_000
_WIDTH, _MOST_HEIGHT, _COLOURS = 1440, 1400, 128
_CHART = "[data-testid=stVegaLiteChart] svg.marks"


def main() -> None:
    """Open the Overview as a new visitor and write `docs/NAME.png`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("url", nargs="?", default="http://127.0.0.1:8501")
    arguments.add_argument("--name", default="overview")
    chosen = arguments.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": _WIDTH, "height": _MOST_HEIGHT})
        page.goto(chosen.url)
        picture = small(shot(page))
        browser.close()
    (DOCS / f"{chosen.name}.png").write_bytes(picture)


def shot(page: Page) -> bytes:
    """The top of the page, once its charts are there and nothing is loading any more."""
    expect(page.locator(_CHART).nth(3)).to_be_visible(timeout=60_000)
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=60_000)
    return page.screenshot(animations="disabled")


def small(picture: bytes) -> bytes:
    """The picture in few colours, as it is loaded with the README."""
    found = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLOURS).save(found, "PNG", optimize=True)
    if len(found.getvalue()) > MOST_BYTES:
        raise SystemExit(f"The picture has {len(found.getvalue()):,} bytes, at most {MOST_BYTES:,} are wanted.")
    return found.getvalue()


if __name__ == "__main__":
    main()
