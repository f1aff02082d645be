"""One colour per agent, whatever the filters and the ranks say."""

from runtally_ui.colours import OTHER, SLOTS, SlotBook, assign_slots, display_names, series_domain, with_fallback

RANKING = [("acme", f"agent-{number}") for number in range(10)]


def test_the_busiest_eight_have_slots() -> None:
    assert assign_slots(RANKING, {}) == {agent: slot for slot, agent in enumerate(RANKING[:SLOTS])}


def test_swapping_ranks_swaps_no_colours() -> None:
    held = assign_slots(RANKING, {})
    swapped = [RANKING[1], RANKING[0], *RANKING[2:]]
    assert assign_slots(swapped, held) == held


def test_who_enters_takes_the_slot_of_who_left() -> None:
    held = assign_slots(RANKING, {})
    without_third = [*RANKING[:2], *RANKING[3:]]
    assert assign_slots(without_third, held) == {
        **{agent: held[agent] for agent in RANKING[:8] if agent != RANKING[2]},
        RANKING[8]: 2,
    }


def test_the_book_remembers() -> None:
    book = SlotBook()
    first = book.assign(RANKING)
    assert book.assign(RANKING[::-1])[RANKING[7]] == first[RANKING[7]]


def test_agents_of_the_past_take_free_slots_only() -> None:
    slots = with_fallback({("acme", "now"): 0}, [("acme", "then"), ("acme", "now")])
    assert slots == {("acme", "now"): 0, ("acme", "then"): 1}
    full = assign_slots(RANKING, {})
    assert with_fallback(full, [("acme", "then")]) == full


def test_names_are_told_apart() -> None:
    names = display_names(
        [
            (("acme", "a"), "Planner"),
            (("globex", "a"), "Planner"),
            (("acme", "b"), "Twin"),
            (("acme", "c"), "Twin"),
            (("acme", "d"), ""),
            (("acme", "e"), OTHER),
        ]
    )
    assert names == {
        ("acme", "a"): "Planner · acme",
        ("globex", "a"): "Planner · globex",
        ("acme", "b"): "Twin · acme/b",
        ("acme", "c"): "Twin · acme/c",
        ("acme", "d"): "d",
        ("acme", "e"): "Other · acme/e",
    }
    assert len(set(names.values())) == len(names)


def test_the_domain_always_has_nine_entries() -> None:
    domain = series_domain({("acme", "a"): 3}, {("acme", "a"): "Planner"})
    assert len(set(domain)) == SLOTS + 1
    assert (domain[3], domain[-1]) == ("Planner", OTHER)
