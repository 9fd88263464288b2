"""A classifier is trained and then run over many images, on a real cluster whose CPUs its workers hold all of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cluster import Head, head

from sample import sampled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), sampled("test_batch_inference")]

JOBS = Path(__file__).parents[2] / "jobs"
RAY = str(Path(sys.executable).parent / "ray")
ROWS = 1797 * 4


@pytest.fixture(scope="module")
def cluster(module_root: Path) -> Iterator[Head]:
    with head(module_root, cpus=2) as made:
        yield made


def submit(cluster: Head, *words: str) -> str:
    """Run a job to its end; its log, the last line of which must say that it is done."""
    login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(cluster.layout.token_file)}
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [RAY, "job", "submit", "--address", cluster.address, "--working-dir", str(JOBS), "--", "python", "-m", *words],
        env=clean | login,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rows_are_inferred_exactly_once(cluster: Head, tmp_path: Path) -> None:
    """Two ranks learn from what Ray Data feeds them; their model runs over the images, and again where files are gone.

    The ranks, and then the replicas, hold both CPUs: neither job may wait for another one.
    """
    trained = submit(cluster, "digits.train", f"storage={tmp_path}", "epochs=1")
    assert float(re.findall(r"done: accuracy ([\d.]+)% on 360 held-out images", trained)[0]) > 80

    out = tmp_path / "out"
    infer = ("batch_inference.run", f"model={tmp_path}/digits", f"out={out}", "repeat=4", "rows_per_file=1000")
    assert f"done: {ROWS:,} rows in " in submit(cluster, *infer, "replicas=2")
    files = sorted(out.glob("part-*.parquet"))
    assert len(files) == 8
    kept = {path: path.stat().st_mtime_ns for path in files[::2]}
    for path in files[1::2]:
        path.unlink()

    again = submit(cluster, *infer, "replicas=2")
    assert f"resumed with 4,000 of {ROWS:,} rows written" in again
    assert f"done: {ROWS - 4000:,} rows in " in again
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    results = pq.read_table(out)
    assert sorted(results["row"].to_pylist()) == list(range(ROWS))
    right = sum(p == q for p, q in zip(results["prediction"].to_pylist(), results["label"].to_pylist(), strict=True))
    assert f"accuracy {right / ROWS:.1%}, 8 files" in again
