"""Checkpoints of four ranks: written by all of them, read by other numbers of ranks, and lost by none that dies."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

JOBS = str(Path(__file__).parents[2] / "jobs")
RANKS = 4
# Once for all ranks: these take longer than all that is tested.
IMPORTED = ["torch._dynamo", "torch.distributed.fsdp", "torch.distributed.checkpoint.state_dict"]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which four ranks went through `_live`, until the last of them was killed."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("four")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    ranks = [context.Process(target=_live, args=(rank, folder)) for rank in range(RANKS)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
        rank.kill()
    assert [rank.exitcode for rank in ranks] == [0, 0, 0, -signal.SIGKILL]
    return folder


def test_a_rank_killed_in_mid_write_costs_nothing(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process finds the checkpoint before it, bit by bit what four ranks held; the next life clears the rest away."""
    monkeypatch.syspath_prepend(JOBS)
    import torch

    from lm.checkpoints.loader import load
    from lm.checkpoints.saver import Saver
    from lm.checkpoints.store import Store

    store = Store(str(lived), "run")
    unfinished = Path(store.folder(7))
    assert list(unfinished.glob("*.distcp"))
    assert store.steps() == [3, 5]
    wanted = torch.load(lived / "wanted.pt")
    state = _like(wanted, torch.zeros_like)
    found = load(store, state, None, pytest.fail)
    assert found is not None
    assert (found.step, found.extra) == (5, {"seconds": 1.5})
    assert _flat(state).keys() == _flat(wanted).keys()
    assert all(torch.equal(one, _flat(wanted)[name]) for name, one in _flat(state).items())
    Saver(store, None).close()
    assert not unfinished.exists()
    assert store.steps() == [3, 5]


def _live(rank: int, folder: Path) -> None:
    """What one of the ranks does; each checks what it can see."""
    sys.path.insert(0, JOBS)
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    where, patience = f"file://{folder}/rendezvous", timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=RANKS, timeout=patience)
    life = _Life(rank, folder)
    life.is_read_with_another_sharding()
    life.is_read_by_two()
    life.passes_over_what_changed()
    life.hears_of_a_full_disk()
    life.dies_in_mid_write()
    os._exit(0)  # the group is broken; what is left of it would wait


class _Life:
    """The course of a run, in the order in which the methods stand."""

    def __init__(self, rank: int, folder: Path) -> None:
        import torch.distributed as dist
        from torch.distributed.tensor import DeviceMesh

        from lm.checkpoints.saver import Saver
        from lm.checkpoints.store import Store

        self.rank, self.folder = rank, folder
        self.store = Store(str(folder), "run")
        self.training = _Training(DeviceMesh("cpu", list(range(RANKS))))
        self.saver = Saver(self.store, dist.new_group(backend="gloo"), keep=3)
        self.wanted: dict[str, Any] = {}
        self.said: list[str] = []

    def load(self, state: dict[str, Any], group: Any = None) -> int:
        """The step that was found."""
        import torch.distributed as dist

        from lm.checkpoints.loader import load

        found = load(self.store, state, group or dist.group.WORLD, self.said.append)
        assert found is not None
        return int(found.step)

    def is_read_with_another_sharding(self) -> None:
        """Written while the training goes on, it holds what was there before."""
        from torch.distributed.tensor import DeviceMesh

        self.training.step()
        self.wanted = self.training.whole()
        self.saver.save(3, self.training.state(), {"seconds": 0.5})
        self.training.step()
        self.saver.wait()
        assert self.saver.committed_step == 3
        other = _sharded(self.wanted, DeviceMesh("cpu", [[0, 1], [2, 3]]), two_ways=True)
        assert self.load(other) == 3
        _assert_same(other, self.wanted)

    def is_read_by_two(self) -> None:
        import torch.distributed as dist
        from torch.distributed.tensor import DeviceMesh

        half, pair = DeviceMesh("cpu", [0, 1]), dist.new_group([0, 1], backend="gloo")
        if self.rank < 2:
            fewer = _sharded(self.wanted, half, two_ways=False)
            assert self.load(fewer, pair) == 3
            _assert_same(fewer, self.wanted)

    def passes_over_what_changed(self) -> None:
        """One bit changes on the disk: all take the checkpoint before it, and go on to write that step anew."""
        import torch
        import torch.distributed as dist

        self.saver.save(5, self.training.state(), {"seconds": 1.0})
        self.saver.wait()
        if self.rank == 0:
            _flip(Path(self.store.folder(5)) / "__2_0.distcp")
        dist.barrier()
        state = self.training.state()
        assert self.load(state) == 3
        _assert_same(state, self.wanted)
        assert len(self.said) == (self.rank == 0)
        assert all("step 5" in line and "__2_0.distcp has changed" in line for line in self.said)
        self.training.step()
        self.wanted = self.training.whole()
        self.saver.save(5, self.training.state(), {"seconds": 1.5})
        self.saver.wait()
        if self.rank == 0:
            torch.save(self.wanted, self.folder / "wanted.pt")

    def hears_of_a_full_disk(self) -> None:
        """It is the disk of one rank; all are told."""
        unlimited = resource.RLIM_INFINITY
        if self.rank == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited))
        self.saver.save(6, self.training.state(), {})
        with pytest.raises(RuntimeError, match=r"step-0000006.*File too large.*\(rank 2\)"):
            self.saver.wait()
        if self.rank == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert self.store.steps() == [3, 5]

    def dies_in_mid_write(self) -> None:
        """One rank alone, with a part of its file written."""
        from lm.checkpoints.arrow_files import Hashing

        def tell(stream: Any) -> int:
            if stream.size_bytes:
                os.kill(os.getpid(), signal.SIGKILL)
            return 0

        if self.rank == 3:
            Hashing.tell = tell
        self.saver.save(7, self.training.state(), {})
        with pytest.raises(RuntimeError, match="step-0000007"):
            self.saver.wait()


class _Training:
    """A small model under FSDP2, and AdamW."""

    def __init__(self, mesh: Any) -> None:
        import torch
        from torch.distributed.fsdp import fully_shard

        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Linear(16, 33), torch.nn.Tanh(), torch.nn.Linear(33, 6))
        for layer in (self.model[0], self.model[2], self.model):
            fully_shard(layer, mesh=mesh)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1)

    def step(self) -> None:
        import torch

        self.model(torch.randn(4, 16)).square().sum().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def state(self) -> dict[str, Any]:
        from torch.distributed.checkpoint.state_dict import get_state_dict

        weights, moments = get_state_dict(self.model, self.optimizer)
        return {"model": weights, "optimizer": moments}

    def whole(self) -> dict[str, Any]:
        return _like(self.state(), lambda t: t.full_tensor().clone() if hasattr(t, "full_tensor") else t.clone())


def _like(state: Any, made: Any) -> Any:
    """The same nest with other tensors."""
    import torch

    if isinstance(state, dict):
        return {name: _like(one, made) for name, one in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_like(one, made) for one in state)
    return made(state.detach()) if isinstance(state, torch.Tensor) else state


def _sharded(wanted: dict[str, Any], mesh: Any, *, two_ways: bool) -> dict[str, Any]:
    """Zeros of the same shapes: over both dimensions of the mesh, or over the last one of each tensor."""
    from torch.distributed.tensor import Replicate, Shard, zeros

    def one(tensor: Any) -> Any:
        last = tensor.dim() - 1
        if last < 0:
            return tensor.new_zeros(())
        how = [Shard(last), Shard(0) if last else Replicate()] if two_ways else [Shard(last)]
        return zeros(*tensor.shape, device_mesh=mesh, placements=how)

    made: dict[str, Any] = _like(wanted, one)
    return made


def _assert_same(state: dict[str, Any], wanted: dict[str, Any]) -> None:
    import torch

    found = _flat(_like(state, lambda t: t.full_tensor() if hasattr(t, "full_tensor") else t))
    assert found.keys() == _flat(wanted).keys()
    for name, one in _flat(wanted).items():
        assert torch.equal(found[name], one), name


def _flat(state: Any, name: str = "") -> dict[str, Any]:
    import torch

    if isinstance(state, torch.Tensor):
        return {name: state}
    inner = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list | tuple) else ()
    return {key: one for part, value in inner for key, one in _flat(value, f"{name}/{part}").items()}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
