"""The model that is served: the newest good checkpoint of a run of lm.train, or an untrained one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from common.files import below
from lm.checkpoints.loader import load
from lm.checkpoints.store import Store
from lm.model import Decoder
from lm.settings import Model
from serve_lm.settings import Settings


@dataclass(frozen=True)
class Served:
    model: Decoder
    source: str  # for people: where its weights come from
    step: int | None  # of training; None if there was none


def served(settings: Settings, say: Callable[[str], None]) -> Served:
    """Raises ValueError if the run has no checkpoint, CheckpointError if the storage does not answer."""
    if not settings.storage:
        model = Decoder(settings.model)
        model.init_weights(settings.seed)
        return Served(model.eval(), f"untrained weights of seed {settings.seed}: it has learnt nothing", None)
    store = Store.of_run(below(settings.storage, settings.name))
    model = Decoder(_shape(store, settings))
    state = model.state_dict()
    found = load(store, {"model": state}, None, say)
    if found is None:
        raise ValueError(f"no good checkpoint is left of {settings.name} in storage {settings.storage}: train it again")
    model.load_state_dict(state)
    return Served(model.eval(), f"{settings.name} at step {found.step}", found.step)


def _shape(store: Store, settings: Settings) -> Model:
    """Of the newest checkpoint whose manifest can be read."""
    for step in reversed(store.steps()):
        try:
            return Model(**store.read(step).extra["model"])
        except ValueError:  # damaged: `load` says so and passes it over
            continue
    raise ValueError(
        f"storage {settings.storage} has no checkpoint of a run named {settings.name}; train one: "
        f"ray job submit --working-dir jobs -- python -m lm.train name={settings.name} "
        f"checkpoints.storage={settings.storage}"
    )
