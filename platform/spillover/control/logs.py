"""Jobs' output: relayed from pools into files of our own, so that it outlives the cluster."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from ..domain.job import Attempt, AttemptStatus, Job
from ..errors import NotFound, PoolError
from .core import Core

log = logging.getLogger(__name__)

_POLL_S = 0.5
_CHUNK = 65536
_SAFE = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,150}$")


class LogFiles:
    """Where output is kept: one file an attempt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "logs"

    def _job_folder(self, submission_id: str) -> Path:
        safe = _SAFE.match(submission_id)
        return self._folder / (submission_id if safe else hashlib.sha256(submission_id.encode()).hexdigest())

    def path(self, attempt: Attempt) -> Path:
        """The file of one attempt."""
        return self._job_folder(attempt.submission_id) / f"{attempt.number}.log"

    def read(self, attempt: Attempt) -> str:
        """All that is kept of one attempt."""
        path = self.path(attempt)
        return path.read_text(errors="replace") if path.exists() else ""

    def replace(self, attempt: Attempt, text: str) -> None:
        """Put the whole output in place, unless more than that is kept already."""
        path = self.path(attempt)
        data = text.encode()
        if path.exists() and path.stat().st_size >= len(data):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def delete(self, submission_id: str) -> None:
        """Forget a job's output."""
        shutil.rmtree(self._job_folder(submission_id), ignore_errors=True)


class LogRelay:
    """Follows the output of live attempts."""

    def __init__(self, core: Core, files: LogFiles) -> None:
        self._core = core
        self._files = files
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, attempt: Attempt) -> None:
        """Have an attempt's output copied as it comes. Calling it again does nothing."""
        task = self._tasks.get(attempt.attempt_id)
        if task is None or task.done():
            self._tasks[attempt.attempt_id] = asyncio.create_task(self._copy(attempt))

    async def finish(self, attempt: Attempt) -> bool:
        """Make the kept output whole. False if the pool cannot give it now."""
        task = self._tasks.pop(attempt.attempt_id, None)
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        try:
            text = await self._core.pools[attempt.pool].cluster.logs(attempt.attempt_id)
        except PoolError as error:
            log.warning("output of %s may be cut short: %s", attempt.attempt_id, error)
            return False
        await asyncio.to_thread(self._files.replace, attempt, text)
        return True

    async def _copy(self, attempt: Attempt) -> None:
        path = self._files.path(attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("ab") as file:
                # A pool sends the output from its beginning: skip what an earlier run of ours has kept
                skip = file.tell()
                async for text in self._core.pools[attempt.pool].cluster.tail(attempt.attempt_id):
                    data = text.encode()
                    file.write(data[skip:])
                    file.flush()
                    skip = max(0, skip - len(data))
        except PoolError as error:
            log.info("output of %s is not followed for now: %s", attempt.attempt_id, error)

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


class LogTail:
    """What `logs -f` shows: reasons while the job waits, then its output, until it has ended."""

    def __init__(self, core: Core, files: LogFiles) -> None:
        self._core = core
        self._files = files

    async def lines(self, submission_id: str) -> AsyncGenerator[str, None]:
        """Pieces of text as they come. Spillover's own lines start with `[spillover]`."""
        said: tuple[str, int] | None = None
        number, position = 0, 0
        while True:
            job, attempts = await self._look(submission_id)
            for attempt in attempts:
                if attempt.number < number:
                    continue
                if attempt.number > number:
                    number, position = attempt.number, 0
                    yield _note(_attempt_text(attempt, len(attempts)))
                async for text, after in self._new(attempt, position):
                    position = after
                    yield text
            if job.status.final:
                return
            waits = not attempts or attempts[-1].status in {AttemptStatus.ENDED, AttemptStatus.COMMITTED}
            if waits and job.wait_reason and (job.wait_reason, job.attempts) != said:
                said = (job.wait_reason, job.attempts)
                yield _note(job.message)
            await self._core.clock.sleep(_POLL_S)

    async def _look(self, submission_id: str) -> tuple[Job, list[Attempt]]:
        # The job first: once it is final, all of its attempts' output is in place
        job = await self._core.db(self._core.store.job, submission_id)
        if job is None:
            raise NotFound(f"Job {submission_id} does not exist")
        return job, await self._core.db(self._core.store.attempts, submission_id)

    async def _new(self, attempt: Attempt, position: int) -> AsyncIterator[tuple[str, int]]:
        path = self._files.path(attempt)
        while path.exists():
            with path.open("rb") as file:
                file.seek(position)
                data = file.read(_CHUNK)
            data = _whole_characters(data)
            if not data:
                return
            position += len(data)
            yield data.decode(errors="replace"), position


def _note(text: str) -> str:
    return "".join(f"[spillover] {line}\n" for line in text.splitlines())


def _attempt_text(attempt: Attempt, count: int) -> str:
    again = f"Attempt {attempt.number}: " if count > 1 else ""
    return again + attempt.why


def _whole_characters(data: bytes) -> bytes:
    """The bytes up to the last whole UTF-8 character: a chunk may end in the middle of one."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return data
        if byte >= 0xC0:
            width = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data if width <= back else data[:-back]
    return data
