"""Things die under a steady load: what failed, for how long, and what was safe to send again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster import kill9
from embedded import wait_for

from serving.load import Load
from serving.outcome import Outcome, judged, told, whole
from serving.plot import draw_fault
from serving.records import Reader, Sent
from serving.schedule import Phase
from serving.seen import CLOUD, ONPREM, Mark
from serving.site import Say, Site, data_plane, tiny
from serving.workload import echo_kinds
from spillover.node import processes

RATE = 25.0
BEFORE_S, AFTER_S = 8.0, 30.0
SERVED = "faulty"


@dataclass(frozen=True)
class Fault:
    """Something that dies. `strike` kills it; `mend` is what an operator does after `mend_s`, if anything.

    `on_the_way`: requests that pass through it at that moment are lost, and nobody but their clients could send them again.
    """

    name: str
    what: str
    strike: Callable[[Site], None]
    mend: Callable[[Site], None] | None = None
    mend_s: float = 0.0
    on_the_way: bool = False


def application() -> dict[str, object]:
    """Replicas on both pools, always. GETs may be sent again, POSTs may not.

    The one on premises can take 20 requests a second, so that some spill all the time; the two in the cloud can take all.
    """
    return tiny(SERVED, latency_target="250ms", baseline="1", burst="2", retry="never")


def start(place: Site) -> None:
    """Deploy it, and wait until both pools serve it."""
    place.deploy([application()])
    place.wait_running([SERVED])
    place.wait_served([ONPREM, CLOUD], f"/{SERVED}")


def suffer(place: Site, fault: Fault, folder: Path, say: Say, most_s: float = 240) -> Outcome:
    """One fault under load, from a site where both pools serve until they do again, for `most_s` at most."""
    kinds = echo_kinds(place, SERVED, post_safe=False)
    phases = [Phase("steady", BEFORE_S + most_s, RATE)]
    with Load(folder / fault.name, place.url, kinds, phases, timeout_s=20.0) as load:
        _sleep_until(load.began + BEFORE_S)
        struck = time.time()
        fault.strike(place)
        say(f"{fault.name}: {fault.what}")
        if fault.mend:
            _sleep_until(struck + fault.mend_s)
            fault.mend(place)
        _watch(load, struck)
        end = time.time()
        sent = load.stop()
    outcome = judged(fault.name, fault.what, sent, struck, end)
    marks = [Mark(struck, fault.what)]
    marks += [Mark(struck + outcome.recover_s, "last failure")] if outcome.recover_s else []
    for ending in ("svg", "png"):
        draw_fault(sent, marks, load.began, end - load.began, folder / f"fault_{fault.name}.{ending}", fault.what)
    say(f"{fault.name}: {told(outcome)}")
    return outcome


def _watch(load: Load, struck: float) -> None:
    """Until the load ends, or both pools have served again and some time has passed."""
    reader = Reader(load.out)
    seen: list[Sent] = []
    while not load.done and (whole(seen, struck) is None or time.time() < struck + AFTER_S):
        time.sleep(0.5)
        seen += reader.more()


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


# -- what dies ----------------------------------------------------------------------------------


def kill_replica(place: Site) -> None:
    """One replica's process on premises."""
    found = [p for p in processes.find([place.layout(ONPREM).mark]) if p.name.startswith("ray::ServeRepl")]
    assert found, "no replica runs on premises"
    os.kill(found[0].pid, signal.SIGKILL)


def kill_head(place: Site) -> None:
    """Every process of the head of the pool on premises; its workers are left as they are."""
    kill9([place.layout(ONPREM).node_mark(place.head_node(ONPREM))])


def kill_pool(place: Site) -> None:
    """Every process of the pool on premises."""
    kill9([place.layout(ONPREM).mark])


def kill_data_plane(place: Site) -> None:
    """Every HAProxy of this site."""
    found = data_plane(place)
    assert found, "no data plane runs"
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    wait_for("the data plane to be dead", lambda: not set(found) & set(data_plane(place)), 10)


def kill_spillover(place: Site) -> None:
    """The server alone: the data plane and the clusters run on."""
    place.spillover.kill9()


def start_spillover(place: Site) -> None:
    """As an operator does, or systemd."""
    place.spillover.start()


FAULTS = (
    Fault("replica", "kill -9 of a replica on premises", kill_replica),
    Fault("spillover", "kill -9 of Spillover, started again after 10 s", kill_spillover, start_spillover, 10.0),
    Fault("data_plane", "kill -9 of the data plane", kill_data_plane, on_the_way=True),
    Fault("head", "kill -9 of the head of the pool on premises", kill_head),
    Fault("pool", "kill -9 of the whole pool on premises", kill_pool),
)
