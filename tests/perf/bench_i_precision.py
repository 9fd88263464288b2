"""What bf16 gains over fp32 on a GPU: speed and memory of one training step."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from perf_harness import Measured, NotHere, Pair, benchmark, overhead
from perf_sites import Bench

_JOBS = Path(__file__).parents[2] / "jobs"
_TURNS = ("fp32", "bf16", "bf16", "fp32", "fp32", "bf16")  # three pairs that take turns in who goes first


@benchmark("amp_speedup", "ratio", aim=2.0, more_is_better=True)
def amp_speedup(bench: Bench) -> Measured:
    """Tokens a second in bf16 over those in fp32, of the model of jobs/lm/settings/measure.yaml."""
    return overhead(_pairs(bench, "tokens_per_s"))


@benchmark("amp_memory_ratio", "ratio", aim=0.6)
def amp_memory_ratio(bench: Bench) -> Measured:
    """Peak GPU memory in bf16 over that in fp32, in the same runs."""
    return overhead(_pairs(bench, "peak_bytes"))


def _pairs(bench: Bench, what: str) -> list[Pair]:
    """Of each pair bf16 and fp32, which is the baseline."""
    if not _has_gpu():
        raise NotHere("it needs a GPU that torch can use, and there is none here")
    bench.rest()
    rows = _runs()
    pairs = [sorted(rows[i : i + 2], key=lambda row: str(row["run"])) for i in range(0, len(rows), 2)]
    return [(ours[what], baseline[what]) for ours, baseline in pairs]


@cache
def _has_gpu() -> bool:
    """Asked of another process, for torch takes memory and seconds that other benchmarks would pay for."""
    ask = "import torch; print(torch.cuda.is_available())"
    said = subprocess.run([sys.executable, "-P", "-c", ask], capture_output=True, text=True, check=False)
    return said.stdout.strip() == "True"


@cache
def _runs() -> list[dict[str, Any]]:
    """Both benchmarks look at the same runs. Raises ValueError if one of them could not be."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        settings = ["device=cuda", f"runs=[{','.join(_TURNS)}]", f"out={out}"]
        subprocess.run([sys.executable, "-m", "lm.measure", *settings], cwd=_JOBS, stdout=sys.stderr, check=True)
        rows: list[dict[str, Any]] = json.loads(out.read_text())["runs"]
    if refused := [f"{row['run']}: {row['why_not']}" for row in rows if row["why_not"]]:
        raise ValueError("; ".join(refused))
    return rows
