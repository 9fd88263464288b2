"""What every driver of Ray Train sets: Ray's variables, and a trainer without processes that nobody needs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.settings import Workers

if TYPE_CHECKING:
    from ray.train import FailureConfig
    from ray.train.torch import TorchTrainer

ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the controller looks at its ranks; 2 s would be lost at each end
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # a progress line is a line, not a log record
    "RAY_COLOR_PREFIX": "0",
    "RAY_DEDUP_LOGS": "0",  # a traceback from two ranks would be cut to pieces
}
WITHOUT_NOTICES = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}  # one process less
WITH_NOTICES = {"RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S": "1"}  # of 5 s there may be few before the deadline
READER = "DatasetsCallback"  # for those that hand a dataset over
# What a run holds ends with its driver anyway, unless that goes on without it, as Tune's does. And the cleaner fails
# where several clusters share a machine, unless RAY_ADDRESS names one.
CLEANER = "PlacementGroupCleanerCallback"
# Ray Train learns of a lost node up to 20 s late, and till then waits for as many workers as there were
ELASTIC = {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "5"}


def set_defaults(workers: Workers, *, preemptible: bool) -> None:
    """Ray's variables, before it reads them. Whoever runs the job may have set others."""
    more = (WITH_NOTICES if preemptible else WITHOUT_NOTICES, ELASTIC if workers.is_elastic else {})
    for name, value in [pair for variables in (ENVIRONMENT, *more) for pair in variables.items()]:
        os.environ.setdefault(name, value)


def trainer_class(*left_out: str) -> type[TorchTrainer]:
    """TorchTrainer without these callbacks of Ray Train's own. Should Ray rename the method, we get them back."""
    from ray.train.torch import TorchTrainer as Plain

    class TorchTrainer(Plain):
        def _create_default_callbacks(self) -> list[Any]:
            return [c for c in super()._create_default_callbacks() if type(c).__name__ not in left_out]

    return TorchTrainer


def failures(*, preemptible: bool, most: int) -> FailureConfig:
    """Nodes that go after a notice are no failures; those that go without are, and only some jobs may survive them."""
    from ray.train import FailureConfig

    return FailureConfig(max_failures=most if preemptible else 0, max_preemption_failures=-1)


def storage_of(address: str, job: str) -> str:
    """A full path or a URL, as Ray Train wants it; a new temporary folder for nothing."""
    where = address or tempfile.mkdtemp(prefix=f"{job}-")
    return where if "://" in where else str(Path(where).expanduser().resolve())
