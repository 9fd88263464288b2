"""What the scenario serves, and the requests that it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from serving.load import Kind
from serving.schedule import Phase
from serving.site import IDLE, JOBS, Site, tiny

CALM, BUSY = 0.4, 1.3
"""Rates of a calm and of a busy time, as parts of what owned replicas can do."""

BUSY_PHASE, BUSY_MOST_S = "busy", 240.0


@dataclass(frozen=True)
class Workload:
    """Applications, and requests to them (a function, for they carry the site's key).

    The first `spilling` kinds go to the application that spills: its owned replicas work on `ongoing` of them at once,
    and `target_s` is its latency target.
    """

    applications: Sequence[Mapping[str, Any]]
    kinds: Callable[[Site], Sequence[Kind]]
    spilling: int
    ongoing: int
    target_s: float

    @property
    def names(self) -> list[str]:
        return [str(each["name"]) for each in self.applications]


def phases(limit: float, seconds: tuple[float, float, float, float]) -> list[Phase]:
    """Below what is owned, up, beyond it, down, and below it again. `limit` is what owned replicas can do (1/s).

    The busy time is as long as it may be: it is cut once the cloud has served for long enough.
    """
    calm_s, ramp_s, _, back_s = seconds
    calm, busy = round(CALM * limit, 1), round(BUSY * limit, 1)
    return [
        Phase("calm", calm_s, calm),
        Phase("rise", ramp_s, calm, busy),
        Phase(BUSY_PHASE, BUSY_MOST_S, busy),
        Phase("fall", ramp_s, busy, calm),
        Phase("calm again", back_s, calm),
    ]


def echo() -> Workload:
    """One light application: a replica takes 4 requests at once for 200 ms each, so at most 20 a second."""
    return Workload([tiny("echo", retry="safe")], echo_kinds, spilling=2, ongoing=4, target_s=1.0)


def echo_kinds(place: Site, name: str = "echo", *, post_safe: bool = True) -> list[Kind]:
    """Half of them read and half of them write: a write may be sent again only with `retry: safe`."""
    return [place.kind("get", f"/{name}"), place.kind("post", f"/{name}", "POST", body="hello", safe=post_safe)]


def models() -> Workload:
    """The language model and the classifier of jobs/, both owned; most requests are the language model's, and spill."""
    chat = _of_jobs("serve_lm", baseline="1", burst="0:2", ongoing=2, latency_target="1s", idle=IDLE, timeout="5min")
    digits = _of_jobs("serve_digits", baseline="1", burst="0")
    return Workload([chat, digits], _model_kinds, spilling=1, ongoing=2, target_s=1.0)


def _model_kinds(place: Site) -> list[Kind]:
    return [
        place.kind("chat", "/chat/v1/chat/completions", "POST", body=CHAT, headers=JSON, weight=4.0),
        place.kind("digits", "/digits/predict", "POST", body=DIGIT, headers=JSON),
    ]


JSON = {"Content-Type": "application/json"}
CHAT = json.dumps(
    {"model": "lm-untrained", "messages": [{"role": "user", "content": "Once upon a time"}], "max_tokens": 24}
)
DIGIT = json.dumps({"pixels": [[(3 * row + 5 * column) % 17 for column in range(8)] for row in range(8)]})


def of_jobs(folder: str) -> dict[str, Any]:
    """The entry of an application's own Serve config file, with the working directory that is here."""
    (entry,) = yaml.safe_load((JOBS / folder / "serve.yaml").read_text())["applications"]
    entry["runtime_env"]["working_dir"] = f"local://{JOBS}"
    found: dict[str, Any] = entry
    return found


def _of_jobs(folder: str, **block: Any) -> dict[str, Any]:
    entry = of_jobs(folder)
    entry["runtime_env"]["spillover"] |= block
    return entry


WORKLOADS = {"models": models, "echo": echo}
