"""Members that die while an insert is on the wire: the proxy between them and the store holds the knife."""

import signal

from chaos.kill_points import KillPoint
from chaos.members import Doom, Member
from chaos.pipeline import Pipeline
from chaos.proxy import Conversation, FaultProxy, Watch

_HEAD_END = b"\r\n\r\n"


def doomed_member(pipeline: Pipeline, point: KillPoint) -> Member:
    """A member with a proxy of its own, killed half-way through the body, or when the answer is on its way."""
    proxy = FaultProxy(pipeline.thread, pipeline.clickhouse.http_port, pipeline.rng)
    pipeline.on_exit(proxy.close)
    member = pipeline.member(store_proxy=proxy)
    member.doom = Doom(point)
    proxy.watch = kills(member, point)
    return member


def kills(member: Member, point: KillPoint) -> Watch:
    """Sends the member SIGKILL at the point of its next insert of runs; what it was sending ends there."""

    def watch(conversation: Conversation, upward: bool, data: bytes) -> bytes | None:
        if not is_run_insert(conversation.request):
            return data
        if not upward and point is KillPoint.AFTER_APPLY_BEFORE_ACK:
            member.signal(signal.SIGKILL)
            return None
        _, end, body = conversation.request.partition(_HEAD_END)
        if upward and end and body and point is KillPoint.MID_BODY:
            member.signal(signal.SIGKILL)
            return data[: len(data) - len(body) // 2]
        return data

    return watch


def is_run_insert(request: bytes | bytearray) -> bool:
    head = bytes(request[:2000])
    return b"INSERT" in head and b"agent_runs" in head
