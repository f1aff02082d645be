"""The default fleet tells its story: seasons, prices, failures, an outage, a roll-out, hand-offs."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

import pytest
from cli.simulation.expected import Truth, truth_of
from runtally.events import AgentLifecycle, RunFeedback, RunSnapshot, UserActivity
from runtally.violations import decode_event
from runtally_cli.simulation.fleet import InvalidFleet, Model, Outage
from runtally_cli.simulation.record import ACTIVITY, FEEDBACK, LIFECYCLE, RUNS, Record
from runtally_cli.simulation.roster import DEFAULT_FLEET
from runtally_cli.simulation.run import PricedModel, Usage
from runtally_cli.simulation.seasons import to_us
from runtally_cli.simulation.story import Story
from runtally_cli.simulation.timetable import Timetable

AGENTS = {(space.workspace_id, agent.agent_id): agent for space in DEFAULT_FLEET.workspaces for agent in space.agents}
MODELS = {model.name: model for agent in AGENTS.values() for model, _ in agent.models}


@pytest.fixture(scope="module")
def truth(month: list[Record]) -> Truth:
    return truth_of(month)


@pytest.fixture(scope="module")
def runs(truth: Truth) -> list[RunSnapshot]:
    return list(truth.runs.values())


def started(run: RunSnapshot) -> datetime:
    assert run.started_at is not None
    return run.started_at


def test_every_agent_works_and_the_oracle_adds_up(truth: Truth) -> None:
    by_agent = truth.by_agent()
    assert set(by_agent) == set(AGENTS)
    assert truth.total().runs == sum(tally.runs for tally in by_agent.values()) == 12_000
    days = truth.by_agent_and_day()
    assert sum((tally.cost_usd for tally in days.values()), Decimal(0)) == truth.total().cost_usd
    assert truth.rejected == 0


def test_people_rest_at_weekends_and_at_night(runs: list[RunSnapshot]) -> None:
    acme = [started(run) + timedelta(hours=1) for run in runs if run.workspace_id == "acme" and run.user_id]
    weekdays = Counter(at.weekday() for at in acme)
    hours = Counter(at.hour for at in acme)
    assert max(weekdays[5], weekdays[6]) < 0.4 * min(weekdays[day] for day in range(5))
    assert sum(hours[hour] for hour in range(9, 18)) > 5 * sum(hours[hour] for hour in range(0, 6))


def test_the_fleet_grows() -> None:
    end = datetime.fromisoformat("2026-11-21T00:00:00Z")
    plan = Timetable(DEFAULT_FLEET, 1, end - timedelta(days=336), end, 100_000)
    slots = [plan.slot(number).runs for number in range(plan.past_slots)]
    assert sum(slots) == 100_000
    assert sum(slots[-len(slots) // 4 :]) > 1.3 * sum(slots[: len(slots) // 4])


def test_all_outcomes_occur_and_most_runs_succeed(truth: Truth) -> None:
    statuses = truth.total().statuses
    assert {"running", "succeeded", "failed", "cancelled", "timed_out", "unknown"} <= set(statuses)
    assert 0.85 < statuses["succeeded"] / truth.total().runs < 0.97


def test_failures_are_the_agents_own(runs: list[RunSnapshot]) -> None:
    types: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        if run.status == "failed":
            types[run.agent_id].add(run.error_type)
            assert run.error_category
            assert run.recovered is False
    assert "TestsFailed" in types["coder"]
    assert "TestsFailed" not in types["support"]
    assert any(run.recovered for run in runs)


def test_costs_are_exactly_tokens_times_prices(runs: list[RunSnapshot]) -> None:
    checked = 0
    for run in runs:
        if run.cost_usd is None:
            continue
        model = MODELS[run.model]
        assert model.input_price is not None
        assert run.input_tokens is not None
        assert run.output_tokens is not None
        read, write = run.cache_read_tokens or 0, run.cache_write_tokens or 0
        million = (
            (run.input_tokens - read - write) * model.input_price
            + read * model.cache_read_price
            + write * model.cache_write_price
            + run.output_tokens * model.output_price
        )
        assert run.cost_usd == million / 1_000_000
        assert run.credits is None or run.credits == run.cost_usd * 100
        checked += 1
    assert checked > 5000


def test_parts_of_the_tokens_are_parts(runs: list[RunSnapshot]) -> None:
    for run in runs:
        assert (run.cache_read_tokens or 0) + (run.cache_write_tokens or 0) <= (run.input_tokens or 0)
        assert (run.reasoning_tokens or 0) <= (run.output_tokens or 0)


def test_the_unknown_stays_unknown(truth: Truth) -> None:
    tally = truth.by_agent()
    ended = [run for run in truth.runs.values() if run.status not in ("queued", "running")]
    assert tally["initech", "ledger"].with_cost == 0
    assert all(run.known_cost_source == "unknown" for run in ended if run.agent_id == "ledger")
    assert 0 < tally["globex", "translator"].with_tokens < tally["globex", "translator"].runs
    assert 0 < tally["initech", "data-steward"].with_duration < tally["initech", "data-steward"].runs
    assert {run.known_cost_source for run in ended} == {"reported", "inferred", "unknown"}


def test_the_outage_is_visible(month_plan: Timetable, runs: list[RunSnapshot]) -> None:
    outage: Outage = DEFAULT_FLEET.outages[0]
    begin = datetime.fromisoformat("2026-11-18T14:00:00Z")
    during = [run for run in runs if run.provider == outage.provider and begin <= started(run) < begin + outage.lasts]
    failed = [run for run in during if run.status == "failed"]
    assert len(during) > 20
    assert len(failed) > 0.35 * len(during)
    assert {"ProviderUnavailable", "RateLimitError"} <= {run.error_type for run in failed}
    story = Story(month_plan)
    assert story.trouble(outage.provider, to_us(begin)) is not None
    assert story.trouble(outage.provider, to_us(begin + outage.lasts)) is None


def test_a_roll_out_changes_latency(runs: list[RunSnapshot]) -> None:
    durations: dict[str, list[int]] = defaultdict(list)
    days: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        if run.agent_id == "planner" and run.duration_ms and run.status == "succeeded":
            durations[run.agent_version[:3]].append(run.duration_ms)
            days[str(started(run).date())].add(run.agent_version[:3])
    assert median(durations["2.0"]) < 0.85 * median(durations["1.8"])
    assert {"1.8", "2.0"} in days.values()  # both run side by side while it rolls out


def test_sub_runs_belong_to_runs_that_exist_and_lie_inside_them(runs: list[RunSnapshot]) -> None:
    by_id = {run.run_id: run for run in runs}
    children = [run for run in runs if run.parent_run_id]
    for run in children:
        parent = by_id[run.parent_run_id]
        assert parent.workspace_id == run.workspace_id
        assert started(parent) <= started(run)
        if parent.finished_at and run.finished_at:
            assert run.finished_at <= parent.finished_at
    assert len(children) > 500
    assert any(by_id[run.parent_run_id].parent_run_id for run in children)


def test_iterations_follow_a_hand_off_within_four_hours(runs: list[RunSnapshot]) -> None:
    by_id = {run.run_id: run for run in runs}
    iterations = [run for run in runs if "iteration_of" in run.tags]
    for run in iterations:
        before = by_id[run.tags["iteration_of"]]
        if before.handed_off_at is not None:  # else told only after the end
            assert before.handed_off_at < started(run) < before.handed_off_at + timedelta(hours=4)
        assert (run.user_id, run.session_id, run.agent_id) == (
            before.user_id,
            before.session_id,
            before.agent_id,
        )
    assert len(iterations) > 50
    assert any("retry_of" in run.tags for run in runs)


def test_sessions_hold_several_runs_of_one_user(runs: list[RunSnapshot]) -> None:
    sessions: dict[str, list[RunSnapshot]] = defaultdict(list)
    for run in runs:
        if run.session_id:
            sessions[run.session_id].append(run)
    assert all(len({run.user_id for run in members}) == 1 for members in sessions.values())
    assert sum(len(members) > 1 for members in sessions.values()) > 0.4 * len(sessions)
    assert len({run.user_id for run in runs}) > 300


def test_feedback_comes_after_the_run_and_likes_success(month: list[Record], runs: list[RunSnapshot]) -> None:
    by_id = {run.run_id: run for run in runs}
    ratings: dict[bool, list[int]] = defaultdict(list)
    for record in month:
        if record.topic == FEEDBACK:
            feedback = decode_event(RunFeedback, record.value)
            run = by_id[feedback.run_id]
            assert run.finished_at is None or feedback.created_at > run.finished_at
            ratings[run.status == "succeeded"].append(feedback.rating)
    assert set(ratings[True]) == {1, 2, 3, 4, 5}
    assert sum(ratings[True]) / len(ratings[True]) > 3.5 > 3 > sum(ratings[False]) / len(ratings[False])


def test_lifecycle_tells_deployments_and_pauses(month: list[Record]) -> None:
    changes = [decode_event(AgentLifecycle, record.value) for record in month if record.topic == LIFECYCLE]
    states: dict[str, str] = {}
    for change in changes:
        assert change.from_state == states.get(change.agent_id, "")
        states[change.agent_id] = change.to_state
    assert {"deployed", "active", "paused"} <= {change.to_state for change in changes}
    assert len({change.event_id for change in changes}) == len(changes)
    assert any("2.0.0" in change.reason for change in changes if change.agent_id == "planner")


def test_users_are_active(month: list[Record]) -> None:
    activity = [decode_event(UserActivity, record.value) for record in month if record.topic == ACTIVITY]
    assert {"prompt_sent", "result_copied", "report_exported"} <= {event.event_name for event in activity}
    assert len({event.event_id for event in activity}) == len(activity)


def test_paused_and_newly_joined_agents_do_no_work_of_their_own(runs: list[RunSnapshot]) -> None:
    end = datetime.fromisoformat("2026-11-21T09:30:00Z")
    for run in runs:
        before = end - started(run)
        if run.agent_id == "churn-scout":
            assert before <= timedelta(days=12, hours=1)
        if run.agent_id == "nightly-tests" and run.trigger == "schedule":
            assert not timedelta(days=15, hours=1) < before < timedelta(days=16, hours=23)


def test_snapshots_are_replaced_not_patched(month: list[Record]) -> None:
    snapshots = Counter(record.key for record in month if record.topic == RUNS)
    assert 0.1 < sum(count > 1 for count in snapshots.values()) / len(snapshots) < 0.6


def test_prices_must_be_exact_in_nanodollars() -> None:
    priced = PricedModel(Model("p", "m", Decimal("0.28"), Decimal("0.42"), Decimal("0.028")))
    assert priced.cost_nano(Usage(1000, 10, 400, 0, 0)) == 600 * 280 + 400 * 28 + 10 * 420
    workspace = DEFAULT_FLEET.workspaces[0]
    bad = replace(workspace.agents[0], models=((Model("p", "m", Decimal("0.0001")), 1.0),))
    with pytest.raises(InvalidFleet, match="multiples"):
        replace(DEFAULT_FLEET, workspaces=(replace(workspace, agents=(bad, *workspace.agents[1:])),))
