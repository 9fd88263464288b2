"""Tune's schedulers, with a memory that outlives the driver, and what is told and noted of trials."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ray.tune import Callback
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining, TrialScheduler

from common.outcome import reason
from sweep.journal import ENDED, FAILED, Journal, Record, told
from sweep.space import Space, Values, parse

if TYPE_CHECKING:
    from sweep.run import Settings

GOAL = {"time_attr": "step", "metric": "loss", "mode": "min"}


def scheduler(settings: Settings, journal: Journal) -> TrialScheduler:
    return Asha(settings, journal) if settings.scheduler == "asha" else Population(settings)


class Asha(ASHAScheduler):
    """Li et al. 2018. Each trial is held against what all trials reported at its rung, in earlier drivers' time too."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        s = settings
        super().__init__(
            max_t=s.base.steps,
            grace_period=s.first_steps,
            reduction_factor=s.factor,
            stop_last_trials=False,  # a trial that reaches its last step ends by itself
            **GOAL,
        )
        self.journal = journal
        for record in journal.records.values():
            if record.status == ENDED:
                past = SimpleNamespace(trial_id=f"{record.trial:03}")
                super().on_trial_add(None, past)
                self.replay(past, record)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        super().on_trial_add(tune_controller, trial)
        self.replay(trial, self.journal.records[number(trial)])

    def replay(self, trial: Any, record: Record) -> None:
        for step, loss in record.reports:
            super().on_trial_result(None, trial, {"step": step, "loss": loss})


class Population(PopulationBasedTraining):
    """Jaderberg et al. 2017. All trials pause at the same step, so there may be more than fit into the cluster."""

    def __init__(self, settings: Settings) -> None:
        space, random = parse(settings.space), Random(settings.seed)
        self.steps = settings.base.steps
        super().__init__(
            perturbation_interval=settings.report_steps,
            quantile_fraction=settings.quantile,
            custom_explore_fn=lambda config: explored(config, space, random),
            synch=True,
            log_config=False,
            **GOAL,
        )

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Values) -> str:
        """At its last step a trial is not paused: it ends by itself."""
        if result["step"] >= self.steps:
            return str(TrialScheduler.CONTINUE)
        return str(super().on_trial_result(tune_controller, trial, result))


def explored(config: Values, space: Space, random: Random) -> Values:
    member = config["member"]
    return {"member": member | {"settings": space.explored(member["settings"], random)}}


class Tell(Callback):
    """Notes what happens to each trial, and prints a line of it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Values, **_: Any) -> None:
        record = self.journal.records[number(trial)]
        if record.pointer and record.pointer["run"] != result["pointer"]["run"]:
            record.taken_over += 1
            print(f"trial {trial} goes on from trial {result['origin']:03}, now with {told(result['settings'])}")
        record.report(result["step"], result["loss"])
        record.settings, record.pointer = result["settings"], result["pointer"]
        self.journal.note(record)
        line = f"trial {trial}  step {record.step}/{record.steps}  loss {record.loss:.3f}  {told(record.settings)}"
        print(line, flush=True)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self.end(trial, ENDED)
        record = self.journal.records[number(trial)]
        print(f"trial {trial} {record.outcome} at step {record.step} of {record.steps}", flush=True)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self.end(trial, FAILED)
        print(f"trial {trial} failed: {reason(trial.get_error() or RuntimeError('its process was lost'))}", flush=True)

    def end(self, trial: Any, status: str) -> None:
        record = self.journal.records[number(trial)]
        record.status = status
        self.journal.note(record)


def number(trial: Any) -> int:
    """Tune's trials are named by ours."""
    return int(str(trial))
