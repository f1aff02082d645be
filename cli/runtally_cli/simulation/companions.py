"""What surrounds the runs: feedback on them, what their users do, and the agents' lifecycle."""

import json
import math
from bisect import bisect
from collections.abc import Iterator
from random import Random

from runtally_cli.simulation.record import ACTIVITY, FEEDBACK, LIFECYCLE, Record, instant_text
from runtally_cli.simulation.run import Run
from runtally_cli.simulation.seasons import HOUR_US
from runtally_cli.simulation.snapshots import last_snapshot_us
from runtally_cli.simulation.story import Change

LONGEST_DELAY_US = 6 * HOUR_US
_COMMENTS = {
    1: ("wrong result", "had to do it all again by hand", "made things worse"),
    2: ("missed half of the request", "too slow to be useful"),
    3: ("okay, needed edits", "right idea, wrong details"),
    4: ("good, small fixes", "saved me an hour"),
    5: ("exactly what I needed", "great", "better than my own draft"),
}
_CATEGORIES = ("accuracy", "speed", "tone", "completeness")
_SENTIMENTS = ("", "negative", "negative", "neutral", "positive", "positive")
_PLANS = ("29", "99", "499")


def feedback_on(run: Run, rng: Random) -> Iterator[Record]:
    """At most one rating, minutes to hours after the end; what failed or took long is rated lower."""
    handover, origin = run.member.agent.handover, run.origin
    if run.lost or not origin.user_id or origin.parent_run_id or rng.random() >= handover.feedback:
        return
    rating = _rating(run, handover.satisfaction, rng)
    delay_us = min(int(240_000_000 * math.exp(1.3 * rng.gauss(0, 1))), LONGEST_DELAY_US)
    at = last_snapshot_us(run) + delay_us
    comment = f',"comment":"{rng.choice(_COMMENTS[rating])}"' if rng.random() < 0.3 else ""
    score = round((rating - 3) / 2.5 + 0.1 * (rng.random() - 0.5), 3)
    value = (
        f'{{"feedback_id":"fb-{rng.getrandbits(64):016x}","run_id":"{run.run_id}",'
        f'"workspace_id":"{run.member.workspace.workspace_id}","agent_id":"{run.member.agent.agent_id}",'
        f'"user_id":"{origin.user_id}","rating":{rating}{comment},"category":"{rng.choice(_CATEGORIES)}",'
        f'"sentiment":"{_SENTIMENTS[rating]}","sentiment_score":{score},"created_at":"{instant_text(at)}"}}'
    )
    yield Record(FEEDBACK, run.run_id.encode(), value.encode(), at)


def _rating(run: Run, satisfaction: float, rng: Random) -> int:
    mood = satisfaction + 0.22 * rng.gauss(0, 1)
    if run.status != "succeeded":
        mood -= 0.55
    elif run.duration_ms > 3000 * run.member.agent.effort.median_s:
        mood -= 0.2
    return 1 + bisect((0.2, 0.38, 0.58, 0.82), mood)


def activity_around(run: Run, rng: Random) -> Iterator[Record]:
    """What the user who started the run does in the product, before and after."""
    if not run.origin.user_id or run.origin.parent_run_id:
        return
    luck = rng.random()
    if luck < 0.30:
        yield _activity(run, "prompt_sent", run.started_us + 200, rng)
    elif luck < 0.45 and run.status == "succeeded" and not run.lost:
        at = last_snapshot_us(run) + int(rng.random() * 90_000_000)
        name = "result_copied" if luck < 0.38 else "report_exported"
        yield _activity(run, name, at, rng, f',"properties":{{"format":"{rng.choice(("pdf", "csv", "md"))}"}}')
    elif luck > 0.9985:
        plan = rng.choice(_PLANS)
        at = run.started_us + 600_000_000
        yield _activity(run, "plan_upgraded", at, rng, f',"revenue_usd":"{plan}","properties":{{"plan":"{plan}"}}')


def _activity(run: Run, name: str, at_us: int, rng: Random, rest: str = "") -> Record:
    origin = run.origin
    session = f'"session_id":"{origin.session_id}",' if origin.session_id else ""
    value = (
        f'{{"event_id":"ev-{rng.getrandbits(64):016x}","workspace_id":"{run.member.workspace.workspace_id}",'
        f'"user_id":"{origin.user_id}",{session}"event_name":"{name}","at":"{instant_text(at_us)}"{rest}}}'
    )
    return Record(ACTIVITY, origin.user_id.encode(), value.encode(), at_us)


def lifecycle_of(change: Change, tag: str) -> Record:
    """An agent's change of state; its id follows from the change."""
    agent_id = change.agent.agent_id
    fields = {
        "event_id": f"lc-{tag}-{agent_id}-{change.at_us // 1000:x}-{change.to_state}",
        "workspace_id": change.workspace.workspace_id,
        "agent_id": agent_id,
        "from_state": change.from_state,
        "to_state": change.to_state,
        "reason": change.reason,
        "actor": change.actor,
        "at": instant_text(change.at_us),
    }
    known = {name: text for name, text in fields.items() if text}
    value = json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode()
    return Record(LIFECYCLE, agent_id.encode(), value, change.at_us)
