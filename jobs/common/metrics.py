"""Where a run's numbers go, one small class for each: a file, Ray's Prometheus endpoint, TensorBoard, MLflow.

Each has `put(step, numbers)`, `flush()` and `close()`. None of them may stop a run: what is missing or fails is said.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from textwrap import shorten
from typing import Any, Protocol

from pyarrow.fs import FileSystem, LocalFileSystem, copy_files

from common.files import read_bytes, write_bytes

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_FOLDER = "tensorboard"
MLFLOW_FILE = "mlflow.json"
MLFLOW_BATCH = 1000  # numbers that a server takes in one call
# A tracking server that is gone would otherwise be waited for through minutes of retries
MLFLOW_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}

Numbers = dict[str, float]
Row = dict[str, Any]


class Sink(Protocol):
    def put(self, step: int, numbers: Numbers) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class MetricsFile:
    """`metrics.jsonl` beside the checkpoints: one line a step, also where the run has lived several times.

    Rows are kept in memory, some 150 bytes each, and the whole file is written anew by one thread in the background:
    an object store cannot append.
    """

    def __init__(self, files: FileSystem, folder: str, start_step: int) -> None:
        self._files, self._path = files, f"{folder}/{METRICS_FILE}"
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None
        before = _rows(files, self._path)
        self._lines = [json.dumps(row) for row in before if row["step"] <= start_step]  # the rest is done again
        if before or start_step:
            self._add(start_step, {"restarted": True})

    @property
    def rows(self) -> list[Row]:
        return [json.loads(line) for line in self._lines]

    def put(self, step: int, numbers: Numbers) -> None:
        self._add(step, {name: value if math.isfinite(value) else None for name, value in numbers.items()})

    def flush(self) -> None:
        """Written soon. If the one before is under way still, the next flush takes these rows along."""
        if self._under_way is None or self._under_way.done():
            self._under_way = self._thread.submit(self._write, len(self._lines))

    def close(self) -> None:
        self._thread.submit(self._write, len(self._lines))
        self._thread.shutdown()

    def _add(self, step: int, values: Row) -> None:
        self._lines.append(json.dumps({"step": step, "at": round(time.time(), 3), **values}))

    def _write(self, count: int) -> None:
        try:
            write_bytes(self._files, self._path, "".join(f"{line}\n" for line in self._lines[:count]).encode())
        except OSError as error:  # the run itself goes on: it is the checkpoints that it needs
            print(f"{self._path} is not up to date: {error}", flush=True)


def _rows(files: FileSystem, path: str) -> list[Row]:
    try:
        return [json.loads(line) for line in read_bytes(files, path).splitlines()]
    except (FileNotFoundError, ValueError):
        return []


class RayGauges:
    """`ray_train_loss` and the like at Ray's Prometheus endpoint of this node, with the run's name as a tag."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._gauges: dict[str, Any] = {}

    def put(self, step: int, numbers: Numbers) -> None:
        for name, value in {"step": step, **numbers}.items():
            self._gauge(name).set(value)

    def flush(self) -> None:
        """Ray collects by itself."""

    def close(self) -> None:
        """They end with the process."""

    def _gauge(self, name: str) -> Any:
        if name not in self._gauges:
            from ray.util.metrics import Gauge

            gauge = Gauge(f"train_{name}", description=f"{name} of a training run", tag_keys=("run",))
            gauge.set_default_tags({"run": self._run})
            self._gauges[name] = gauge
        return self._gauges[name]


class TensorBoard:
    """Event files beside the checkpoints. In an object store they are as of the last flush."""

    def __init__(self, files: FileSystem, folder: str, start_step: int) -> None:
        self._files, self._folder = files, f"{folder}/{TENSORBOARD_FOLDER}"
        is_local = isinstance(files, LocalFileSystem)
        self._local = self._folder if is_local else tempfile.mkdtemp(prefix="tensorboard-")
        self._thread = None if is_local else ThreadPoolExecutor(1)
        self._writer = _event_writer()(self._local, purge_step=start_step + 1 if start_step else None)

    def put(self, step: int, numbers: Numbers) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        self._writer.flush()
        if self._thread is not None:
            self._thread.submit(self._upload)

    def close(self) -> None:
        self._writer.close()
        if self._thread is not None:
            self._thread.submit(self._upload)
            self._thread.shutdown()

    def _upload(self) -> None:
        try:
            copy_files(self._local, self._folder, destination_filesystem=self._files)
        except OSError as error:
            print(f"{self._folder} is not up to date: {error}", flush=True)


def _event_writer() -> Any:
    """That of torch needs tensorboard; tensorboardX, which comes with ray[tune], writes the same files without it."""
    if find_spec("tensorboard"):
        from torch.utils.tensorboard import SummaryWriter
    else:
        from tensorboardX import SummaryWriter
    return SummaryWriter


class MLflow:
    """One MLflow run for all lives of ours: its id is kept beside the checkpoints. All calls are in the background.

    `MLFLOW_EXPERIMENT_NAME` says under which experiment it is, else it is the default one.
    """

    def __init__(self, address: str, files: FileSystem, folder: str, run: str) -> None:
        self._address, self._run = address, run
        self._files, self._path = files, f"{folder}/{MLFLOW_FILE}"
        self._client: Any = None
        self._run_id = ""
        self._has_failed = False
        self._waiting: list[tuple[str, float, int, int]] = []  # name, value, milliseconds, step
        self._thread = ThreadPoolExecutor(1)
        self._under_way = self._thread.submit(self._try, self._begin)

    def put(self, step: int, numbers: Numbers) -> None:
        """Sent at once, or with the next ones while a call is on its way."""
        self._waiting += [(name, value, int(time.time() * 1000), step) for name, value in numbers.items()]
        if self._under_way.done():
            self._under_way = self._thread.submit(self._try, self._send)

    def flush(self) -> None:
        """Each call reaches the server by itself."""

    def close(self) -> None:
        self._thread.submit(self._try, self._end)
        self._thread.shutdown()

    def _begin(self) -> None:
        for name, value in MLFLOW_PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self._address)
        known = self._known()
        if known.get("address") == self._address:
            self._run_id = known["run_id"]
            self._client.update_run(self._run_id, status="RUNNING")
            return
        self._run_id = self._client.create_run(self._experiment(), run_name=self._run).info.run_id
        write_bytes(self._files, self._path, json.dumps({"address": self._address, "run_id": self._run_id}).encode())

    def _known(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(read_bytes(self._files, self._path))
        except (FileNotFoundError, ValueError):
            return {}
        return known

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "Default")
        found = self._client.get_experiment_by_name(name)
        experiment: str = found.experiment_id if found else self._client.create_experiment(name)
        return experiment

    def _send(self) -> None:
        from mlflow.entities import Metric

        while self._waiting:
            batch, self._waiting[:MLFLOW_BATCH] = self._waiting[:MLFLOW_BATCH], []
            self._client.log_batch(self._run_id, metrics=[Metric(*numbers) for numbers in batch])

    def _end(self) -> None:
        self._send()
        self._client.set_terminated(self._run_id)

    def _try(self, call: Callable[[], None]) -> None:
        """After a first failure no more is tried: each try may take half a minute."""
        if self._has_failed:
            return
        try:
            call()
        except Exception as error:
            self._has_failed = True
            why = shorten(str(error), width=200, placeholder=" ...")
            print(f"MLflow at {self._address} gets no more numbers: {why}", flush=True)
