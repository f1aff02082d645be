"""Runtally for agent fleets: the message contract (`events`) and the emitter that publishes it."""

from runtally.events import AgentLifecycle, RunFeedback, RunSnapshot, UserActivity

__all__ = ["AgentLifecycle", "RunFeedback", "RunSnapshot", "UserActivity"]
