"""What a page looks like as a whole, in a browser: cards of a row end together, none with an empty band."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

MOST_GAP = 28
"""Pixels between what a card shows and its downloads, where the card beside it is no higher."""

CARDS = {
    "cost-so-far": "svg.marks", "cost-success": "svg.marks", "cost-over-time": "svg.marks", "cost-groups": "svg.marks",
    "cost-table": "[data-testid=stDataFrame]", "cost-changes": "[data-testid=stCaptionContainer]",
    "cost-unknown": "[data-testid=stCaptionContainer]",
}  # fmt: skip


def bottom(page: Page, card: str, content: str) -> float:
    """Where the last of `content` in a card ends."""
    found = page.locator(f".st-key-card-{card} {content}").last
    expect(found).to_be_visible()
    box = found.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_no_card_of_cost_has_an_empty_band(visit: Callable[..., Page]) -> None:
    page = visit("/cost")
    expect(page.locator("svg.marks")).to_have_count(6)
    gaps = {}
    for card, content in CARDS.items():
        box = page.locator(f".st-key-downloads-{card}").bounding_box()
        assert box is not None
        gaps[card] = box["y"] - bottom(page, card, content)
    assert not {card: gap for card, gap in gaps.items() if not -2 <= gap <= MOST_GAP}
