"""Search the settings of jobs/lm with Ray Tune: ASHA, which stops bad trials early, or population based training.

ray job submit --working-dir jobs -- python -m sweep.run [asha.yaml | pbt.yaml] [key=value ...]

This is the driver. `--help` lists the settings. Run again under the same name and storage, it goes on.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import lm.settings
from common.files import below, place
from common.outcome import run
from common.settings import AtLeast, Choice, load, said
from common.trainer import storage_of
from sweep.journal import ENDED, Journal, Record, best, saved_steps, table, told
from sweep.space import parse, with_values

if TYPE_CHECKING:
    from ray.tune import Tuner

FOLDER = Path(__file__).parent / "settings"
ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # CSV, JSON and TensorBoard files of each trial: jobs/lm has its own
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_DEDUP_LOGS": "0",
}
NEXT_TO_NOTHING = {"memory": 1}  # bytes, that a trial holds: its workers hold the CPUs, and Tune takes no nothing


@dataclass(frozen=True)
class Settings:
    name: str = said("sweep", "a sweep of this name in the storage is gone on with")
    storage: str = said("", "folder or s3:// that all nodes see; empty: a new temporary folder")
    scheduler: str = said("asha", "what decides on trials", Choice("asha", "pbt"))
    trials: int = said(6, "settings to try; with pbt the size of the population", AtLeast(1))
    concurrent: int = said(
        2, "trials at once: each needs base.workers x base.cpus_per_worker CPUs; pbt runs all", AtLeast(1)
    )
    space: dict[str, str] = said(
        {}, "setting of the base: loguniform(1e-4, 1e-2), uniform(0, 1), randint(1, 9) or choice(4, 8)"
    )
    seed: int = said(0, "of what is drawn from the space")
    report_steps: int = said(20, "between a trial's reports, where it may be stopped or take over another", AtLeast(1))
    first_steps: int = said(20, "asha: that every trial may run", AtLeast(1))
    factor: float = said(
        2.0, "asha: one of so many trials goes on from each rung, and that many times as far", AtLeast(1.1)
    )
    quantile: float = said(0.25, "pbt: this part of the population, the worst, goes on from as many of the best")
    max_failures: int = said(3, "of each trial: lost nodes, mostly; it goes on from its last checkpoint")
    base: lm.settings.Settings = field(default_factory=lm.settings.Settings)

    def check(self) -> None:
        """Raises ValueError for a space that cannot be read, or that leaves what the base allows."""
        space = parse(self.space)
        for trial in range(self.trials):
            with_values(self.base, space.sample(self.seed, trial))


def main() -> str:
    settings = load(Settings, sys.argv[1:], FOLDER, default="asha.yaml")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    address = storage_of(settings.storage, "sweep")
    files, folder = place(below(address, settings.name))
    journal = Journal(files, f"{folder}/trials")
    space = parse(settings.space)
    left = journal.plan([space.sample(settings.seed, trial) for trial in range(settings.trials)], settings.base.steps)
    print(greeting(settings, left, f"{address}/{settings.name}"), flush=True)
    if left:
        search(settings, journal, left, below(address, settings.name))
    records = [journal.records[trial] for trial in range(settings.trials)]
    print(table(records), flush=True)
    return summary(records, below(address, settings.name))


def greeting(settings: Settings, left: list[Record], where: str) -> str:
    done = settings.trials - len(left)
    again = (
        f"; {done} have ended, {sum(1 for r in left if r.pointer)} go on from checkpoints"
        if done or any(r.reports for r in left)
        else ""
    )
    return f"{settings.trials} trials of {settings.base.steps} steps by {settings.scheduler} in {where}{again}"


def search(settings: Settings, journal: Journal, left: list[Record], where: str) -> None:
    import ray

    ray.init(
        logging_level="WARNING",
        log_to_driver=False,  # the trials' own lines would be mixed up
        # What gives back the CPUs of a trial that Tune has ended asks which of several clusters is meant
        runtime_env={"env_vars": {name: os.environ[name] for name in ("RAY_ADDRESS",) if name in os.environ}},
    )
    warnings.filterwarnings("ignore", "Consider boosting PBT")  # a trial's process is not used again
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # it would miss the files that our journal stands for
    tuner(settings, journal, left, where).fit()


def tuner(settings: Settings, journal: Journal, left: list[Record], where: str) -> Tuner:
    from ray import tune

    from sweep.schedulers import Tell, scheduler
    from sweep.trial import run_trial

    s = settings
    base = replace(s.base, tell=replace(s.base.tell, report_steps=s.report_steps, validate_steps=s.report_steps))
    trial = tune.with_parameters(run_trial, base=base, runs=below(where, "runs"))
    members = [{"trial": r.trial, "settings": r.settings, "pointer": r.pointer} for r in left]
    return tune.Tuner(
        tune.with_resources(trial, tune.PlacementGroupFactory([NEXT_TO_NOTHING])),
        param_space={"member": tune.grid_search(members)},
        tune_config=tune.TuneConfig(
            scheduler=scheduler(s, journal),
            max_concurrent_trials=s.concurrent if s.scheduler == "asha" else None,
            trial_name_creator=lambda t: f"{t.config['member']['trial']:03}",
            trial_dirname_creator=lambda t: f"{t.config['member']['trial']:03}",
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=where,
            failure_config=tune.FailureConfig(max_failures=s.max_failures),
            callbacks=[Tell(journal)],
            verbose=0,
        ),
    )


def summary(records: list[Record], where: str) -> str:
    """The last line."""
    one = best(records)
    ran, possible = saved_steps(records)
    stopped = sum(r.outcome == "stopped early" for r in records)
    over = sum(r.taken_over for r in records)
    failed = sum(r.status != ENDED for r in records)
    return (
        f"best trial {one.trial:03}: loss {one.loss:.3f} after {one.step} steps with {told(one.settings)}; "
        f"{ran} of {possible} steps run, {possible - ran} saved by stopping {stopped} of {len(records)} trials early"
        + (f", {over} times a trial went on from a better one" if over else "")
        + (f", {failed} failed" if failed else "")
        + f"; weights in {below(below(where, 'runs'), one.pointer['run'] if one.pointer else '')}"
    )


if __name__ == "__main__":
    sys.exit(run(main))
