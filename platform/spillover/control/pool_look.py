"""One look at a pool: whether it answers, and whether it is still the same cluster."""

from __future__ import annotations

from dataclasses import replace

from ..domain.pool import PoolState, PoolStatus
from ..errors import PoolError, PoolRefused
from .core import SYSTEM, Core, PoolRuntime

_SEEN_EVERY_S = 5.0


async def save_pool(core: Core, state: PoolState, text: str = "") -> PoolState:
    """Commit what is known of a pool, with a line of history if `text` says something."""
    event = core.event(SYSTEM, f"pool:{state.name}", text) if text else None
    await core.db(core.store.save_pool, state, event)
    core.wake.set()
    return state


async def look(core: Core, runtime: PoolRuntime, state: PoolState) -> PoolState:
    """Observe the cluster, and note whether it answers and whether it is still the same one."""
    now = core.clock.now()
    try:
        seen = await runtime.cluster.observe()
        seen = await runtime.own(seen) if runtime.own else seen
    except PoolRefused as error:
        runtime.seen_error = str(error)
        if runtime.launcher is None or state.status is not PoolStatus.UP:
            return await _no_answer(core, runtime, state, str(error))
        # It answers, so it is not lost: what runs there must not be folded for an error of ours or its own
        changed = replace(state, seen_at=now, message=str(error))
        return await save_pool(core, changed, str(error)) if state.message != changed.message else changed
    except PoolError as error:
        runtime.seen_error = str(error)
        return await _no_answer(core, runtime, state, str(error))
    runtime.seen, runtime.seen_error = seen, ""
    changed = replace(state, status=PoolStatus.UP, seen_at=now, message="")
    text = ""
    if state.status is not PoolStatus.UP:
        changed, text = replace(changed, since=now), "answers"
    if seen.session_name != state.session_name:
        changed = replace(changed, session_name=seen.session_name, session_since=now)
        text = f"answers with a new Ray session {seen.session_name}"
    # A look that shows nothing new is written now and then only
    if text or state.message or now - (state.seen_at or 0) > _SEEN_EVERY_S:
        await save_pool(core, changed, text)
    return changed


async def _no_answer(core: Core, runtime: PoolRuntime, state: PoolState, why: str) -> PoolState:
    now = core.clock.now()
    quiet_s = now - (state.seen_at or state.since)
    if state.status is PoolStatus.UP and quiet_s < runtime.pool.unreachable_after_s / 2:
        return state
    if state.status is PoolStatus.UNREACHABLE:
        return state
    runtime.seen = None
    return await save_pool(core, replace(state, status=PoolStatus.UNREACHABLE, since=now, message=why), f"lost: {why}")
