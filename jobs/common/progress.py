"""How far a run has come, in a small file beside its checkpoints, so that a resumed run can say what was lost."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from pyarrow.fs import FileSystem

PROGRESS_FILE = "progress.json"


@dataclass(frozen=True)
class Progress:
    step: int
    seconds: float  # of training since the first step of the run, in all its lives
    at: float  # Unix time


class ProgressFile:
    """Written by one thread in the background, so that no step waits for the storage."""

    def __init__(self, storage: FileSystem, folder: str) -> None:
        self._storage = storage
        self._path = f"{folder}/{PROGRESS_FILE}"
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def read(self) -> Progress | None:
        """None where no run has left one, or was cut off while it wrote."""
        try:
            with self._storage.open_input_stream(self._path) as file:
                return Progress(**json.loads(file.read()))
        except (FileNotFoundError, TypeError, ValueError):
            return None

    def note(self, progress: Progress) -> None:
        """Write it soon, unless the one before is still being written."""
        if self._under_way is None or self._under_way.done():
            self._under_way = self._thread.submit(self._write, progress)

    def close(self, progress: Progress) -> None:
        """Write the last one now."""
        self._thread.submit(self._write, progress)
        self._thread.shutdown()

    def _write(self, progress: Progress) -> None:
        try:
            with self._storage.open_output_stream(self._path) as file:
                file.write(json.dumps(asdict(progress)).encode())
        except OSError as error:  # the run itself goes on: it is the checkpoints that it needs
            print(f"{self._path} is not up to date: {error}", flush=True)


def resumed(where: str, here: Progress, reached: Progress | None) -> str:
    """One line for people and programs. `here` is where the run goes on, `reached` how far it had come before."""
    if reached is None:
        return f"resumed {where}, how much was lost is not on record"
    steps = max(0, reached.step - here.step)
    seconds = max(0.0, reached.seconds - here.seconds) if steps else 0.0  # two ranks' watches differ a little
    idle = max(0.0, here.at - reached.at)
    return f"resumed {where}, {steps} steps ({seconds:.1f} s) lost, {idle:.1f} s without work"
