"""A training job queues on premises, spills over to spot, loses a node with notice, and finishes; nothing is left."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded import wait_for

from .site import AWS_LOGIN, ROOT, Site

Say = Callable[[str], None]

POLICY = {"name": "threshold", "rules": ["1 job older than 10s"]}
STEPS = 700
CHECKPOINT_EVERY = 300
NOTICE_S = 30.0
HOME_S = 150.0
RESUMED = re.compile(r"resumed at step (\d+).*?, (\d+) steps \(([\d.]+) s\) lost, ([\d.]+) s without work")
STEP = re.compile(r"step (\d+)/")


@dataclass
class Facts:
    """What was measured. Times in seconds."""

    raise_s: float = 0.0
    decision_to_running_s: float = 0.0
    steps_lost: int = -1
    work_lost_s: float = -1.0
    without_work_s: float = -1.0
    fold_idle_s: float = 0.0
    bill_usd: float = 0.0
    ledger_usd: float = 0.0
    machines: int = 0
    left: int = -1
    strays: int = -1
    attempts: list[str] = field(default_factory=list)
    log: str = ""


class Story:
    """The steps, in order. Each says what it sees."""

    def __init__(self, site: Site, say: Say) -> None:
        self._site = site
        self._spillover = site.spillover
        self._say = say
        self._began = time.monotonic()
        self.facts = Facts()

    def say(self, text: str) -> None:
        self._say(f"[{time.monotonic() - self._began:5.1f} s] {text}")

    def tell(self) -> Facts:
        """All of it."""
        self.hosts_come_up()
        self.jobs_fill_them()
        self.training_spills_over()
        self.a_node_is_taken()
        self.it_finishes()
        self.the_pool_folds()
        self.the_ledger_is_the_bill()
        return self.facts

    def hosts_come_up(self) -> None:
        def up() -> bool:
            pool = self._spillover.pool("onprem")
            return pool["status"] == "up" and sum(not n["is_head"] for n in pool["nodes"]) == len(self._site.bed.hosts) - 1

        wait_for("the hosts to be up", up, 180)
        self.say(f"pool onprem is up over SSH: {len(self._site.bed.hosts)} hosts, workers with 2 CPUs each")

    def jobs_fill_them(self) -> None:
        for number in range(1, len(self._site.bed.hosts)):
            self._submit(f"home-{number}", f"sleep {HOME_S:g}", "--entrypoint-num-cpus", "2", pools="onprem")
            self._spillover.wait_status(f"home-{number}", "running", timeout_s=120)
        self._submit("home-last", "echo done", "--entrypoint-num-cpus", "2", pools="onprem")
        self.say("jobs hold every CPU of pool onprem; another one queues for it")

    def training_spills_over(self) -> None:
        spillover = self._spillover
        train = (
            f"python -m lm.train spot workers=1:2 cpus_per_worker=2 threads=1 steps={STEPS} name=story tell.every_s=1 "
            f"'checkpoints.every={CHECKPOINT_EVERY} steps' 'checkpoints.storage={self._site.storage}'"
        )
        env = json.dumps({"env_vars": AWS_LOGIN})
        folder = ("--working-dir", str(ROOT / "jobs"), "--runtime-env-json", env)
        said = {"workers": "2x{CPU:2}", "resumable": "true", "runtime": "2min"}
        self._submit("train", train, *folder, **said)
        wait_for("train's reason", lambda: bool(spillover.explain("train")["job"]["reason"]), 30)
        self.say(f"train waits: {spillover.job('train')['message']}")
        wait_for("train to be placed", lambda: spillover.status("train") != "queued", 60)
        decided = time.monotonic()
        self.say(f"train is placed: {spillover.explain('train')['decisions'][-1]['sentence']}")
        wait_for("the cloud to be up", lambda: spillover.pool("aws")["status"] == "up", 150)
        self.facts.raise_s = time.monotonic() - decided
        self.say(f"pool aws is up, {self.facts.raise_s:.0f} s after the decision")
        wait_for("spot workers", lambda: len(self._site.rented("spot")) == 2, 120)
        self.say("two spot workers have joined from zero")
        wait_for("the first step", lambda: self._step() > 0, 180)
        self.facts.decision_to_running_s = time.monotonic() - decided
        self.say(f"train runs: step {self._step()}, {self.facts.decision_to_running_s:.0f} s after the decision")

    def a_node_is_taken(self) -> None:
        wait_for("some steps", lambda: self._step() >= CHECKPOINT_EVERY // 5, 120)
        taken = self._site.rented("spot")[0]
        self._site.bed.cloud.interrupt(taken["id"], in_s=NOTICE_S)
        self.say(f"the cloud takes {taken['id']} back in {NOTICE_S:g} s, at step {self._step()}")
        wait_for("the node to be gone", lambda: taken["id"] not in {m["id"] for m in self._site.rented()}, NOTICE_S + 20)
        self.say(f"{taken['id']} is gone, at step {self._step()}")
        wait_for("it to resume", lambda: bool(RESUMED.search(self._log())), 180)
        line = next(line for line in self._log().splitlines() if RESUMED.search(line))
        found = RESUMED.search(line)
        assert found is not None
        self.facts.steps_lost, self.facts.work_lost_s = int(found[2]), float(found[3])
        self.facts.without_work_s = float(found[4])
        self.say(line.strip())

    def it_finishes(self) -> None:
        self._spillover.wait_status("train", "succeeded", timeout_s=300)
        self.facts.log = self._log()
        self.facts.attempts = [a["outcome"] for a in self._spillover.explain("train")["attempts"]]
        self.say(self.facts.log.strip().splitlines()[-1])

    def the_pool_folds(self) -> None:
        ended = time.monotonic()
        wait_for("the cloud to be down", lambda: self._spillover.pool("aws")["status"] == "down", 180)
        self.facts.fold_idle_s = time.monotonic() - ended
        self.facts.left = sum(i["state"] in {"pending", "running"} for i in self._site.bed.cloud.instances())
        self.say(f"pool aws is folded, {self.facts.fold_idle_s:.0f} s after its last job; {self.facts.left} machines left")
        leaks = json.loads(self._spillover_leaks())
        self.facts.strays = len(leaks["strays"])
        self.say(f"spillover leaks: {self.facts.strays} stray machines")

    def the_ledger_is_the_bill(self) -> None:
        # The last machine's minimum of a minute must be over before its meter is closed
        wait_for("the meters to stop", lambda: self._spillover.pool("aws")["usd_per_hour"] == 0, 120)
        self.facts.machines = len(self._site.bed.cloud.instances())
        self.facts.bill_usd, self.facts.ledger_usd = self._site.bill(), self._site.ledger()
        self.say(f"{self.facts.machines} machines: the bill is ${self.facts.bill_usd:.9f}, the ledger ${self.facts.ledger_usd:.9f}")

    def _spillover_leaks(self) -> str:
        from server import run

        done = run("spillover", "leaks", "-c", str(self._spillover.file), "--json", env=self._spillover.environment)
        return done.out

    def _submit(self, name: str, entrypoint: str, *options: str, **said: str) -> None:
        metadata = json.dumps({f"spillover/{key}": value for key, value in said.items()})
        job = ("--submission-id", name, "--metadata-json", metadata, "--no-wait", *options)
        done = self._spillover.ray("job", "submit", *job, "--", *_words(entrypoint))
        assert done.code == 0, done.text

    def _log(self) -> str:
        return self._spillover.logs("train")

    def _step(self) -> int:
        self._check_alive()
        return max((int(step) for step in STEP.findall(self._log())), default=0)

    def _check_alive(self) -> None:
        status = self._spillover.status("train")
        assert status not in {"failed", "stopped"}, json.dumps(self._spillover.explain("train"), indent=1) + self._log()


def _words(entrypoint: str) -> list[str]:
    import shlex

    return shlex.split(entrypoint)


def table(facts: Facts) -> Any:
    """What was measured, for people."""
    from rich.table import Table

    rows = [
        ("decision to pool up", f"{facts.raise_s:.0f} s"),
        ("decision to first training step", f"{facts.decision_to_running_s:.0f} s"),
        ("work lost by the reclaim", f"{facts.steps_lost} steps, {facts.work_lost_s:.1f} s"),
        ("without work around it", f"{facts.without_work_s:.0f} s"),
        ("last job to folded pool", f"{facts.fold_idle_s:.0f} s"),
        ("machines, left over, strays", f"{facts.machines}, {facts.left}, {facts.strays}"),
        ("the cloud's bill", f"${facts.bill_usd:.9f}"),
        ("Spillover's ledger", f"${facts.ledger_usd:.9f}"),
    ]
    found = Table(title="What was measured", show_header=False)
    for row in rows:
        found.add_row(*row)
    return found
