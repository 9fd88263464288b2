"""Ray Data feeds a rank that holds every CPU of the cluster, from a folder and from S3."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sample import sampled

pytestmark = [pytest.mark.slow, sampled("test_lm_stream")]

JOBS = Path(__file__).parents[2] / "jobs"
RAY = str(Path(sys.executable).parent / "ray")
AWS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}
BEFORE_THE_END = 20  # steps of an epoch
STEPS = 60


def rank(source: str, changed: str) -> dict[str, Any]:
    """What runs on the cluster, on all of its CPUs."""
    import time
    from dataclasses import replace
    from itertools import islice

    import ray
    import torch

    from lm.data import Catalogue, Order
    from lm.settings import Batch, Data, Model, Settings
    from lm.stream import batches, local_batches, validation

    torch.set_num_threads(1)
    data = Data(source=changed, parts=3, block_bytes=1024, shuffle_blocks=4)
    settings = Settings(data=data, batch=Batch(sequences=5), model=Model(context=32))
    text, there = Catalogue.of(settings.data, "train"), settings.data.__class__(**{**vars(data), "source": source})
    order = Order.of(text, settings)
    stale = replace(text, files=tuple(replace(file, size=file.size + 1) for file in text.files))
    other, start = Catalogue.of(there, "train"), order.steps_per_epoch - BEFORE_THE_END
    begun = time.monotonic()
    here = batches(text, order, [0, 2], start)
    streams = [here, batches(other, order, [0, 2], start), local_batches(text, order, [0, 2], start)]
    first = [next(stream) for stream in streams]
    first_s = time.monotonic() - begun
    rest = list(zip(*(islice(stream, STEPS - 1) for stream in streams), strict=True))

    def equal(one: Any, two: Any) -> bool:
        pairs = zip(one, two, strict=True)
        return all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in pairs)

    try:
        next(batches(stale, order, [0], 0))
        said = ""
    except ValueError as error:
        said = str(error)
    held_out = [validation(Catalogue.of(where, "validation"), settings, [1]) for where in (data, there)]
    return {
        "cpus_left": ray.available_resources().get("CPU", 0),
        "first_s": first_s,
        "ray_data": [equal(step[0], step[2]) for step in [first, *rest]],
        "s3": [equal(step[1], step[2]) for step in [first, *rest]],
        "validation": equal(*held_out),
        "changed": said,
    }


def drive(*arguments: str) -> None:
    import ray

    ray.init(logging_level="WARNING")
    report = ray.get(ray.remote(rank).options(num_cpus=int(ray.cluster_resources()["CPU"])).remote(*arguments))
    print(json.dumps(report), flush=True)


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """The address of a copy of a folder, on an S3 of its own."""
    from moto_server import cloud

    with cloud() as server:
        there = server.bucket("texts")
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            server.s3.upload_file(str(file), "texts", f"set/{file.relative_to(folder)}")
        yield "s3://texts/set" + there


@pytest.fixture(scope="module")
def folder(module_root: Path) -> Path:
    """Many small files, and a large one in a folder below."""
    made, some = module_root / "text", random.Random(0)
    (made / "below").mkdir(parents=True)
    for number in range(30):
        (made / f"{number}.txt").write_bytes(some.randbytes(some.randrange(1, 300)))
    (made / "below" / "large.txt").write_bytes(some.randbytes(60_000))
    return made


@pytest.fixture(scope="module")
def ran(module_root: Path, folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """What the rank reports, and all that its job printed."""
    from cluster import head

    shared = {"RAY_COLOR_PREFIX": "0", "PYTHONPATH": str(Path(__file__).parents[1])}  # this file is the driver, too
    with head(module_root, cpus=1) as cluster, s3(folder) as address:
        variables = json.dumps({"env_vars": AWS | shared})
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(cluster.layout.token_file)}
        done = subprocess.run(
            [
                *(RAY, "job", "submit", "--address", cluster.address, "--working-dir", str(JOBS)),
                *("--runtime-env-json", variables, "--", sys.executable, __file__, address, str(folder)),
            ],
            env=clean | login,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        report = next(line for line in done.stdout.splitlines() if line.startswith("{"))
        yield json.loads(report), done.stdout


def test_batches_come_though_a_rank_holds_every_cpu(ran: tuple[dict[str, Any], str]) -> None:
    """Ray Data gives the batches that one process reads by itself, over the end of an epoch, with no CPU left."""
    report, _ = ran
    print(report)  # how long the first one took
    assert report["cpus_left"] == 0
    assert report["ray_data"] == [True] * STEPS


def test_s3_gives_what_the_folder_gives(ran: tuple[dict[str, Any], str]) -> None:
    """The same files in a bucket give the same batches and the same held-out text."""
    report, _ = ran
    assert report["s3"] == [True] * STEPS
    assert report["validation"]


def test_a_file_that_changed_is_named(ran: tuple[dict[str, Any], str]) -> None:
    """The error that a reading task meets reaches the rank as one line with the file and both sizes."""
    report, _ = ran
    assert re.fullmatch(r"/\S+\.txt has (\d+) bytes on node .*, and had \d+ where .*", report["changed"])


def test_ray_data_is_silent(ran: tuple[dict[str, Any], str]) -> None:
    """A job's log has the job's own lines."""
    _, log = ran
    assert "Dataset" not in log
    assert "rogress" not in log


if __name__ == "__main__":
    drive(*sys.argv[1:])
