"""Whose turn it is: a tenant that asks much waits for itself, and nobody is forgotten."""

import asyncio
import random
from collections import Counter

import pytest
from runtally_api.fairness.admission import QueueFull, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Asker:
    """Questions that last until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, tenant: str, name: str) -> None:
        self._ends[name] = asyncio.Event()

        async def question() -> None:
            async with self.turns.turn(tenant):
                self.began.append(name)
                await self._ends[name].wait()

        self.tasks[name] = asyncio.create_task(question())

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]
        await settle()

    async def end_all(self) -> None:
        for event in self._ends.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def test_a_tenant_has_only_so_many_turns_and_another_need_not_wait() -> None:
    async def story() -> None:
        asker = Asker(Turns(4, 2, 10))
        for number in range(4):
            asker.ask("heavy", f"h{number}")
        await settle()
        assert asker.began == ["h0", "h1"]
        asker.ask("quiet", "q0")
        await settle()
        assert asker.began == ["h0", "h1", "q0"]
        await asker.end("h0")
        assert asker.began[-1] == "h2"
        await asker.end_all()

    asyncio.run(story())


def test_a_free_turn_goes_to_who_has_the_fewest_then_to_who_took_the_least() -> None:
    async def story() -> None:
        clock = Clock()
        asker = Asker(Turns(2, 2, 10, clock))
        asker.ask("heavy", "h0")
        await settle()
        clock.now += 3
        await asker.end("h0")
        for name in ("h1", "h2", "h3"):
            asker.ask("heavy", name)
        asker.ask("quiet", "q0")
        await settle()
        assert asker.began == ["h0", "h1", "h2"]
        await asker.end("h1")
        assert asker.began[-1] == "q0"
        asker.ask("third", "t0")
        await settle()
        await asker.end("h2")
        assert asker.began[-1] == "t0", "it has none under way and took nothing, and came last"
        await asker.end_all()

    asyncio.run(story())


def test_a_queue_has_an_end_and_who_goes_away_leaves_it() -> None:
    async def story() -> None:
        asker = Asker(Turns(1, 1, 1))
        asker.ask("a", "a0")
        asker.ask("a", "a1")
        await settle()
        with pytest.raises(QueueFull):
            async with asker.turns.turn("a"):
                raise AssertionError("there was no room")
        asker.tasks["a1"].cancel()
        await settle()
        asker.ask("a", "a2")
        await settle()
        await asker.end("a0")
        assert asker.began == ["a0", "a2"]
        await asker.end_all()

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(20))
def test_any_story_keeps_to_the_bounds_and_ends(seed: int) -> None:
    async def story() -> None:
        rng = random.Random(seed)
        slots, per_tenant = rng.randint(1, 4), rng.randint(1, 4)
        turns, under_way, most = Turns(slots, per_tenant, 100), Counter[int](), min(slots, per_tenant)

        async def question(tenant: int) -> None:
            async with turns.turn(tenant):
                under_way[tenant] += 1
                try:
                    assert under_way[tenant] <= most
                    assert sum(under_way.values()) <= slots
                    for _ in range(rng.randint(0, 5)):
                        await asyncio.sleep(0)
                finally:
                    under_way[tenant] -= 1

        tasks = [asyncio.create_task(question(rng.randrange(3))) for _ in range(60)]
        for task in rng.sample(tasks, 15):
            await asyncio.sleep(0)
            task.cancel()
        async with asyncio.timeout(10):
            told = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [one for one in told if isinstance(one, Exception)]
        for task_tenant in range(3):  # a cancelled one inside of its turn has left it, too
            async with asyncio.timeout(10), turns.turn(task_tenant):
                pass

    asyncio.run(story())


def test_who_took_less_of_late_goes_first_for_a_while() -> None:
    async def story() -> None:
        clock = Clock()
        asker = Asker(Turns(4, 4, 10, clock))
        asker.ask("heavy", "h0")
        await settle()
        clock.now += 5
        await asker.end("h0")
        assert not asker.turns.is_ahead("quiet"), "the other asks nothing now"
        asker.ask("heavy", "h1")
        await settle()
        assert asker.turns.is_ahead("quiet")
        assert asker.turns.is_shared("quiet")
        assert not asker.turns.is_ahead("heavy")
        assert not asker.turns.is_shared("heavy")
        await asker.end_all()
        clock.now += 600
        asker.ask("quiet", "q0")
        await settle()
        await asker.end_all()
        assert not asker.turns.is_shared("third"), "who has not asked for long is forgotten"

    asyncio.run(story())


def test_who_takes_far_more_than_another_has_one_question_at_a_time_while_that_one_asks() -> None:
    async def story() -> None:
        clock = Clock()
        asker = Asker(Turns(8, 4, 10, clock))
        asker.ask("heavy", "h0")
        await settle()
        clock.now += 5
        await asker.end("h0")
        asker.ask("heavy", "h1")
        asker.ask("heavy", "h2")
        await settle()
        assert asker.began == ["h0", "h1", "h2"], "nobody else asks"
        assert not asker.turns.is_over("heavy")
        asker.ask("quiet", "q0")
        await settle()
        asker.ask("heavy", "h3")
        asker.ask("quiet", "q1")
        await settle()
        assert asker.began[3:] == ["q0", "q1"]
        assert asker.turns.is_over("heavy")
        assert not asker.turns.is_over("quiet")
        assert not asker.turns.is_over("nobody")
        await asker.end("h1")
        assert "h3" not in asker.began, "h2 is under way"
        await asker.end("h2")
        assert "h3" in asker.began
        await asker.end("q0")
        await asker.end("q1")
        clock.now += 3
        asker.ask("heavy", "h4")
        await settle()
        assert "h4" in asker.began, "the other asks no more"
        assert not asker.turns.is_over("heavy")
        await asker.end_all()

    asyncio.run(story())


def test_who_asks_far_more_at_once_is_behind_although_both_took_the_same() -> None:
    async def story() -> None:
        clock = Clock()
        asker = Asker(Turns(8, 8, 10, clock))
        for tenant in ("heavy", "quiet"):
            asker.ask(tenant, f"{tenant} before")
        await settle()
        clock.now += 2
        for tenant in ("heavy", "quiet"):
            await asker.end(f"{tenant} before")
        asker.ask("quiet", "q")
        for name in ("h0", "h1"):
            asker.ask("heavy", name)
        await settle()
        assert not asker.turns.is_ahead("quiet"), "twice as much is not far more"
        assert not asker.turns.is_over("heavy")
        asker.ask("heavy", "h2")
        await settle()
        assert asker.turns.is_ahead("quiet")
        assert not asker.turns.is_ahead("heavy")
        assert asker.turns.is_over("heavy")
        assert not asker.turns.is_over("quiet")
        asker.ask("heavy", "h3")
        await settle()
        assert "h3" not in asker.began, "one at a time while another asks"
        await asker.end("q")
        clock.now += 3
        await asker.end("h0")
        assert "h3" in asker.began, "the other asks no more"
        await asker.end_all()

    asyncio.run(story())


def test_who_took_little_is_not_held_back_by_who_took_less() -> None:
    async def story() -> None:
        clock = Clock()
        asker = Asker(Turns(8, 4, 10, clock))
        asker.ask("one", "a")
        await settle()
        clock.now += 0.5
        await asker.end("a")
        for name in ("b", "c", "d"):
            asker.ask("one", name)
        asker.ask("other", "x")
        await settle()
        assert {"b", "c", "d", "x"} <= set(asker.began)
        await asker.end_all()

    asyncio.run(story())
