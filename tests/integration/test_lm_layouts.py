"""Every layout computes what one process does: the same losses, gradient norms and weights, to rounding.

One gang of four processes goes through all layouts, one after the other; this file is its program as well.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sample import sampled

pytestmark = [pytest.mark.slow, sampled("test_lm_layouts")]

JOBS = Path(__file__).parents[2] / "jobs"
RANKS, STEPS, SEQUENCES, CONTEXT = 4, 3, 2, 32
PRECISE = 1e-5  # relative, of fp32; what was measured is below 1e-6


@dataclass(frozen=True)
class Case:
    parallel: dict[str, Any]
    parts: int = 4
    micro: int = 0
    precision: dict[str, Any] = field(default_factory=dict)
    tolerance: float = PRECISE


SHARDED_TENSOR = Case({"data": 1, "fully_sharded": 2, "tensor": 2})  # what resharding begins with
CASES = {
    "data": Case({}),
    "fully_sharded": Case({"fully_sharded": 4}),
    "tensor": Case({"tensor": 4}),
    "pipeline": Case({"pipeline": 4}),
    "context": Case({"context": 4}),
    "data x fully_sharded": Case({"fully_sharded": 2}),
    "fully_sharded x context": Case({"data": 1, "fully_sharded": 2, "context": 2}),
    "data x interleaved pipeline": Case({"pipeline": 2, "schedule": "interleaved"}),
    "tensor x pipeline": Case({"tensor": 2, "pipeline": 2}),
    "accumulation": Case({"fully_sharded": 2}, micro=1),
    "accumulation in a pipeline": Case({"fully_sharded": 2, "pipeline": 2}, micro=1),
    "uneven parts": Case({"fully_sharded": 4}, parts=5),
    "uneven parts in a pipeline": Case({"data": 2, "pipeline": 2}, parts=5),
    "activation checkpointing": Case({"fully_sharded": 4}, precision={"activation_checkpointing": True}),
    "bf16": Case({"fully_sharded": 2}, precision={"kind": "bf16"}, tolerance=5e-3),
    "fp16": Case({"fully_sharded": 2, "pipeline": 2}, precision={"kind": "fp16"}, tolerance=3e-3),
}
if os.environ.get("SPILLOVER_SOAK"):  # those that take long on two cores, and teach little that the others do not
    CASES |= {
        "data x tensor": Case({"tensor": 2}),
        "fully_sharded x tensor": SHARDED_TENSOR,
        "tensor x context": Case({"tensor": 2, "context": 2}),
        "checkpointed tensor": Case({"fully_sharded": 2, "tensor": 2}, precision={"activation_checkpointing": True}),
        "compile": Case({"fully_sharded": 2}, precision={"compile": True}),
    }


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the gang wrote down, by the name of the case; `one process, N parts` for those alone."""
    folder = tmp_path_factory.mktemp("layouts")
    command = [sys.executable, "-P", "-W", "error", __file__, str(folder)]
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with (folder / "said").open("w+") as said:
        gang = [subprocess.Popen([*command, str(rank)], stderr=said, env=where) for rank in range(RANKS)]
        try:
            codes = [process.wait(timeout=250) for process in gang]
        finally:
            for process in gang:
                process.kill()
                process.wait()
    assert codes == [0] * RANKS, (folder / "said").read_text()[-8000:]
    return json.loads((folder / "curves.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_a_layout_learns_as_one_process_does(curves: dict[str, Any], name: str) -> None:
    """Losses, gradient norms, the validation loss in between and the weights after are those of one process."""
    case, got = CASES[name], curves[name]
    alone = curves[f"one process, {case.parts} parts"]
    assert got["losses"] == pytest.approx(alone["losses"], rel=case.tolerance)
    assert got["norms"] == pytest.approx(alone["norms"], rel=case.tolerance)
    assert got["validation"] == pytest.approx(alone["validation"], rel=case.tolerance)
    assert got["off"] < 10 * case.tolerance


def test_the_curve_is_one_that_learns(curves: dict[str, Any]) -> None:
    """The loss begins at that of a guess and falls, with gradients that are clipped: equal curves mean something."""
    alone = curves["one process, 4 parts"]
    assert alone["losses"][0] == pytest.approx(math.log(256), abs=0.1)
    assert alone["losses"][-1] < alone["losses"][0] - 0.1
    assert min(alone["norms"]) > CLIP


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.precision.get("kind")])
def test_16_bits_are_16_bits(curves: dict[str, Any], name: str) -> None:
    """Precision reaches the arithmetic: the curve is further from that of fp32 than the order of sums can explain."""
    assert curves[name]["losses"] != pytest.approx(curves["one process, 4 parts"]["losses"], rel=2e-6)


def test_a_checkpoint_goes_from_layout_to_layout(curves: dict[str, Any]) -> None:
    """fully_sharded x tensor, then a pipeline, then one process: the losses are those of a run that never stopped."""
    alone = curves["one process, 4 parts"]
    assert curves["resharded"]["losses"] == pytest.approx(alone["losses"], rel=PRECISE)
    assert curves["resharded"]["norms"] == pytest.approx(alone["norms"], rel=PRECISE)


# -- what a rank runs ---------------------------------------------------------------------------------

CLIP = 0.5


def settings_of(case: Case, ranks: int) -> Any:
    from common.settings import Workers
    from lm import settings as s

    return s.Settings(
        steps=STEPS,
        workers=Workers(ranks, ranks),
        data=s.Data(parts=case.parts),
        model=s.Model(width=64, layers=4, heads=8, kv_heads=4, context=CONTEXT),
        batch=s.Batch(sequences=SEQUENCES, micro=case.micro),
        parallel=s.Parallel(**case.parallel),
        precision=s.Precision(**case.precision),
        optimizer=s.Optimizer(warmup_steps=2, clip=CLIP),
    )


def part(step: int, number: int) -> Any:
    """Few different bytes, so that there is something to learn at once."""
    import torch

    text = torch.randint(64, (SEQUENCES, CONTEXT + 1), generator=torch.Generator().manual_seed(100 * step + number))
    return text[:, :-1], text[:, 1:]


class Run:
    def __init__(self, case: Case, rank: int, ranks: int) -> None:
        import torch

        from lm.engine import Engine
        from lm.layout import Layout

        s = settings_of(case, ranks)
        layout = Layout.of(s.parallel, ranks, model=s.model, parts=s.parts, batch=s.batch)
        self.engine = Engine(s, layout, torch.device("cpu"))
        self.mine = range(layout.data_rank(rank), s.parts, layout.data_ranks)
        self.losses: list[float] = []
        self.norms: list[float] = []

    def learn(self, steps: range) -> None:
        for step in steps:
            done = self.engine.step([part(step, number) for number in self.mine], step)
            self.losses.append(done.loss)
            self.norms.append(done.grad_norm)

    def curve(self) -> dict[str, Any]:
        self.learn(range(1))
        validation = self.engine.evaluate([part(STEPS, number) for number in self.mine])
        self.learn(range(1, STEPS))
        return {"losses": self.losses, "norms": self.norms, "validation": validation}

    def weights(self) -> dict[str, Any]:
        """Those that this rank holds, each in whole. A collective."""
        from torch.distributed.tensor import DTensor

        held = self.engine.state()["model"]
        return {name: w.full_tensor() if isinstance(w, DTensor) else w for name, w in held.items()}


def run_alone(folder: Path) -> dict[str, Any]:
    """The curves that all others are held against. Leaves the weights in the folder."""
    import torch
    import torch.distributed as dist

    curves = {}
    for parts in sorted({case.parts for case in CASES.values()}):
        run = Run(Case({}, parts=parts), 0, 1)
        curves[f"one process, {parts} parts"] = run.curve()
        torch.save(run.weights(), folder / f"{parts}.pt")
        dist.destroy_process_group()
    return curves


def furthest(run: Run, folder: Path, parts: int) -> float:
    """The largest difference of a weight from that of one process, over all ranks, in units of the weights' size."""
    import torch
    import torch.distributed as dist

    alone = torch.load(folder / f"{parts}.pt")
    off = torch.stack([(w - alone[name]).norm() / alone[name].norm() for name, w in run.weights().items()]).max()
    dist.all_reduce(off, dist.ReduceOp.MAX)
    return float(off)


def run_resharded(folder: Path, rank: int) -> Run:
    """A step in one layout of the gang, one in another; the rest is for one process."""
    import torch.distributed.checkpoint as dcp

    run = Run(SHARDED_TENSOR, rank, RANKS)
    run.learn(range(1))
    dcp.save(run.engine.state(), checkpoint_id=folder / "first")
    after = resumed(CASES["pipeline"], folder / "first", rank, RANKS)
    after.learn(range(1, 2))
    dcp.save(after.engine.state(), checkpoint_id=folder / "second")
    run.losses += after.losses
    run.norms += after.norms
    return run


def resumed(case: Case, checkpoint: Path, rank: int, ranks: int) -> Run:
    import torch.distributed.checkpoint as dcp

    run = Run(case, rank, ranks)
    state = run.engine.state()
    dcp.load(state, checkpoint_id=checkpoint)
    run.engine.load(state)
    return run


def main(folder: Path, rank: int) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    curves = run_alone(folder) if rank == 0 else {}
    dist.init_process_group("gloo", store=dist.FileStore(str(folder / "store"), RANKS), rank=rank, world_size=RANKS)
    for name, case in CASES.items():
        run = Run(case, rank, RANKS)
        curves[name] = run.curve() | {"off": furthest(run, folder, case.parts)}
    run = run_resharded(folder, rank)
    dist.barrier()
    dist.destroy_process_group()
    if rank == 0:
        last = resumed(replace(CASES["data"], parallel={}), folder / "second", 0, 1)
        last.learn(range(2, STEPS))
        curves["resharded"] = {"losses": run.losses + last.losses, "norms": run.norms + last.norms}
        (folder / "curves.json").write_text(json.dumps(curves))


if __name__ == "__main__":
    sys.path.insert(0, str(JOBS))
    main(Path(sys.argv[1]), int(sys.argv[2]))
