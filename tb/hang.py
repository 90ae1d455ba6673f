"""What an accelerator is found to do when an interrupt has been waited for in vain."""

from __future__ import annotations

from host.protocol import DeviceTimeout
from rtl.lib.registers import Status
from tb.env import Environment
from tb.finding import Kind

SLACK = 200  # cycles: an error is told some cycles after the limit


async def diagnosis(env: Environment, error: DeviceTimeout) -> tuple[Kind, str]:
    """Kind and text. By the contract a watchdog tells when an accelerator is busy and its memory port is silent for too
    long: where it has not told, that is a breach of the contract, and no mere time-out."""
    status, limit = Status(await env.host.read("STATUS")), await env.host.read("WATCHDOG")
    if not status & (Status.BUSY | Status.RESETTING):
        return Kind.LOST, f"{error}; it takes itself for idle"
    if not limit:
        return Kind.NO_INTERRUPT, f"{error}; the watchdog is off"
    before = await traffic(env)
    told = await env.host.transport.interrupt(limit + SLACK)
    if told or before != await traffic(env):
        return Kind.NO_INTERRUPT, f"{error}; it goes on"
    return (
        Kind.UNWATCHED,
        f"{error}; the memory port is silent, and the watchdog ({limit} cycles) does not tell",
    )


async def traffic(env: Environment) -> tuple[int, int]:
    """Bytes read and written so far."""
    read, written = await env.memory.traffic()
    return int(read.sum()), int(written.sum())
