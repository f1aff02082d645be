"""Which agent has which of the eight series colours, whatever the filters say.

A slot is an index into the theme's series colours; agents beyond the busiest eight share "Other".
"""

import threading
from collections.abc import Iterable, Mapping, Sequence

AgentKey = tuple[str, str]
"""(workspace_id, agent_id): an agent id means something only within its workspace."""

SLOTS = 8
OTHER = "Other"


def assign_slots(ranking: Sequence[AgentKey], held: Mapping[AgentKey, int]) -> dict[AgentKey, int]:
    """Slots of the busiest eight of `ranking`: who holds one keeps it, who enters takes the lowest free.

    Without that memory, two agents swapping ranks would swap colours.
    """
    busiest = ranking[:SLOTS]
    slots = {agent: held[agent] for agent in busiest if agent in held}
    return _filled(slots, busiest)


def with_fallback(slots: Mapping[AgentKey, int], ranking: Iterable[AgentKey]) -> dict[AgentKey, int]:
    """`slots` with what is free given to `ranking`, the unfiltered agents of the shown days.

    A range in the past can hold agents that no longer run; without this they would all be gray.
    """
    return _filled(dict(slots), ranking)


def _filled(slots: dict[AgentKey, int], agents: Iterable[AgentKey]) -> dict[AgentKey, int]:
    free = [slot for slot in range(SLOTS) if slot not in slots.values()]
    for agent in agents:
        if free and agent not in slots:
            slots[agent] = free.pop(0)
    return slots


class SlotBook:
    """The slots handed out so far by this process. Safe to share between sessions."""

    def __init__(self) -> None:
        self._held: dict[AgentKey, int] = {}
        self._lock = threading.Lock()

    def assign(self, ranking: Sequence[AgentKey]) -> dict[AgentKey, int]:
        with self._lock:
            self._held = assign_slots(ranking, self._held)
            return dict(self._held)


def display_names(agents: Iterable[tuple[AgentKey, str]]) -> dict[AgentKey, str]:
    """A name for each agent that no other agent has: its label, and as much more as that takes."""
    labels = {key: label or key[1] for key, label in agents}
    sharing: dict[str, list[AgentKey]] = {}
    for key, label in labels.items():
        sharing.setdefault(label, []).append(key)
    names: dict[AgentKey, str] = {}
    for (workspace, agent), label in labels.items():
        rivals = [key for key in sharing[label] if key != (workspace, agent)]
        if label == OTHER or any(rival[0] == workspace for rival in rivals):
            names[workspace, agent] = f"{label} · {workspace}/{agent}"
        else:
            names[workspace, agent] = f"{label} · {workspace}" if rivals else label
    return names


def series_domain(slots: Mapping[AgentKey, int], names: Mapping[AgentKey, str]) -> list[str]:
    """Nine entries, always: an empty slot holds its place, or the colours after it would shift."""
    by_slot = {slot: names.get(agent, agent[1]) for agent, slot in slots.items()}
    return [*(by_slot.get(slot, f"\u200b{slot}") for slot in range(SLOTS)), OTHER]
