"""`make chaos MINUTES=n`: stories of drawn faults on three brokers, until the time is over. `SEED=` plays one again.

Each story has a seed of its own, printed; it draws the faults, their places and their lengths. How processes and
networks take turns is not in its hands, so a story played again is the same trouble, not the same microseconds.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chaos.facts import Facts
from chaos.nemesis import Nemesis
from chaos.pipeline import Pipeline, Story
from chaos.settling import require_rolled_up

BROKERS = 3
ACTS = 6
RUNS_AT_ONCE = 25
BAD_SHARE = 0.2
MOST_SEEDS = 2**32
# Of each route and kind of caller: some thousands in ten minutes.
CASES_A_MINUTE = 5


def main(arguments: list[str]) -> None:
    """Raises what the first wrong story raises."""
    options = _options(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    facts = Facts("chaos")
    seeds = random.Random(options.seed)
    with (
        tempfile.TemporaryDirectory(prefix="runtally-chaos-") as folder,
        Pipeline(Path(folder), random.Random(options.seed), BROKERS) as pipeline,
    ):
        say(f"chaos: {options.minutes:g} minutes, SEED={options.seed}")
        story = options.seed
        while True:
            play(pipeline, story, facts)
            if time.monotonic() >= deadline:
                break
            story = seeds.randrange(MOST_SEEDS)
    facts.write()
    if not options.is_given:
        fuzz_the_api(options.minutes)
    say(f"chaos: nothing lost, nothing counted twice; {dict(sorted(facts.counts.items()))}")


def fuzz_the_api(minutes: float) -> None:
    """Drawn requests to every route, with and without rights, and by tenants that must not hear of each other."""
    cases = max(2, round(CASES_A_MINUTE * minutes))
    tests = ["tests/api/test_fuzz.py", "tests/api/tenants/test_isolation.py"]
    settings = {"RUNTALLY_FUZZ_CASES": str(cases), "RUNTALLY_TENANT_CASES": str(max(2, cases // 4))}
    say(f"chaos: {cases} drawn requests for each route of the API")
    command = [sys.executable, "-m", "pytest", "-q", "-k", "embedded or tenants", *tests]
    subprocess.run(command, check=True, env={**os.environ, **settings})


def play(pipeline: Pipeline, seed: int, facts: Facts, tell: Callable[[str], None] | None = None) -> None:
    """One story. Fails when anything is not exact, having said the seed."""
    tell = tell or say
    rng = random.Random(seed)
    nemesis = Nemesis(pipeline, rng, facts)
    members = rng.randrange(1, 4)
    while len(pipeline.living) < members:
        pipeline.member()
    with pipeline.story(f"story-{seed}") as story:
        story.begin(RUNS_AT_ONCE, BAD_SHARE)
        acts = [nemesis.draw() for _ in range(ACTS)]
        tell(f"story SEED={seed}")
        for name, act in acts:
            tell(f"  {name}")
            act()
        while len(pipeline.living) < 1:
            pipeline.member(wait=False)
        _settle(story, facts, tell)
    facts.count("stories", 1)


def _settle(story: Story, facts: Facts, tell: Callable[[str], None]) -> None:
    began = time.monotonic()
    settled = story.settle()
    tell(f"  exact after {time.monotonic() - began:.0f} s: {settled}")
    require_rolled_up(story.pipeline.store, story.pipeline.api_url, story.fleet)
    facts.count("answers checked", settled.answers)
    facts.count("answers out of rollups", settled.out_of_rollups)
    facts.count("store crashes of its own", settled.store_crashes)
    for name in ("runs", "records", "dead_letters"):
        facts.count(name.replace("_", " "), getattr(settled, name))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    options.is_given = options.seed is not None
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(MOST_SEEDS)
    return options


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
