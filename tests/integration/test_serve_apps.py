"""The served applications on a bare Ray cluster: plain `serve deploy` of their own files, and OpenAI's own client."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import yaml
from cluster import Head, head
from embedded import wait_for
from server import http

from spillover.adapters.serve_replicas import listening

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

JOBS = Path(__file__).parents[2] / "jobs"
SERVE = str(Path(sys.executable).parent / "serve")
PROMPT = [{"role": "user", "content": "def f("}]
SMALL = {"width": 32, "layers": 2, "heads": 2, "kv_heads": 1, "context": 512}


def config(port: int) -> dict[str, Any]:
    """Both files in one, as they are but for where the jobs are, the port, and the sizes of the models."""
    files = [yaml.safe_load((JOBS / name / "serve.yaml").read_text()) for name in ("serve_lm", "serve_digits")]
    chat, digits = applications = [file["applications"][0] for file in files]
    for application in applications:
        application["runtime_env"]["working_dir"] = f"local://{JOBS}"
        application["deployments"][0]["ray_actor_options"]["num_cpus"] = 0.5
    chat["args"]["model"] = SMALL
    digits["args"]["model"] |= {"width": 4096, "layers": 2}  # for an image longer than the next one takes to come
    return {"http_options": {"host": "127.0.0.1", "port": port}, "applications": applications}


def serve(cluster: Head, *words: str) -> str:
    """Ray Serve's own command line, against this cluster."""
    login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(cluster.layout.token_file)}
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [SERVE, *words, "--address", cluster.address],
        env=clean | login,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(module_root: Path) -> Iterator[tuple[str, Head]]:
    """Where both applications answer, and the cluster."""
    with head(module_root, cpus=2) as cluster:
        port = cluster.layout.ports()["SPILLOVER_MAX_WORKER_PORT"] + 1
        file = module_root / "serve.yaml"
        file.write_text(yaml.safe_dump(config(port)))
        serve(cluster, "deploy", str(file))
        found = f"http://127.0.0.1:{port}"
        wait_for("both applications", lambda: answers(f"{found}/chat/stats") and answers(f"{found}/digits/stats"), 200)
        kept = [yaml.safe_load(one) for one in serve(cluster, "config").split("\n---\n")]
        assert {one["runtime_env"]["spillover"]["baseline"] for one in kept} == {"1:2"}
        yield found, cluster


@pytest.fixture
def address(place: tuple[str, Head]) -> str:
    """Where both applications answer."""
    return place[0]


@pytest.fixture
def digits(place: tuple[str, Head]) -> str:
    """Where the classifier's replica listens itself: Ray's proxy hands requests on too slowly to fill a batch."""
    details = http("GET", f"{place[1].address}/api/serve/applications/", place[1].token).json
    ((host, port),) = listening(details)["digits"]
    return f"http://{host}:{port}/digits"


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/chat/v1", api_key="none", max_retries=0) as made:
        yield made


def write(client: openai.OpenAI, tokens: int, **said: Any) -> Any:
    return client.chat.completions.create(
        model="lm-untrained", messages=PROMPT, max_tokens=tokens, temperature=0, **said
    )


def test_many_talk_to_the_model_at_once(client: openai.OpenAI) -> None:
    """Whole and streamed answers that are worked on together are each what one alone is, and say what they used."""
    model = client.models.list().data[0]
    assert model.id == "lm-untrained"
    assert "it has learnt nothing" in model.metadata["source"]
    alone = write(client, 60).choices[0].message.content

    def streamed(_: int) -> tuple[str, int]:
        chunks = list(write(client, 60, stream=True))
        return "".join(c.choices[0].delta.content or "" for c in chunks), chunks[-1].usage.completion_tokens

    with ThreadPoolExecutor(12) as pool:
        whole = pool.map(lambda _: write(client, 60), range(6))
        pieces = pool.map(streamed, range(6))
        assert [answer.choices[0].message.content for answer in whole] == [alone] * 6
        assert list(pieces) == [(alone, 60)] * 6


def test_text_comes_while_it_is_written(client: openai.OpenAI) -> None:
    """The first piece of a long answer is there long before the last."""
    begun = time.monotonic()
    times = [time.monotonic() - begun for _ in write(client, 400, stream=True)]
    assert times[2] < times[-1] / 2


def test_who_leaves_is_not_written_for(client: openai.OpenAI, address: str) -> None:
    """Clients that go in the middle, of streams and of whole answers, leave no work behind in the replica."""

    def stats() -> Any:
        return httpx2.get(f"{address}/chat/stats", timeout=10).json()

    before = stats()["tokens"]
    for _ in range(3):
        with write(client, 500, stream=True) as stream:
            next(iter(stream))
    with pytest.raises(openai.APITimeoutError):
        write(client.with_options(timeout=0.05), 500)
    wait_for("the replica to be idle", lambda: stats()["active"] + stats()["waiting"] == 0)
    assert stats()["tokens"] - before < 4 * 500


def test_mistakes_come_through_ray_s_proxy(client: openai.OpenAI) -> None:
    """In OpenAI's shape, with the status of the route."""
    with pytest.raises(openai.NotFoundError, match="this application serves `lm-untrained`"):
        client.chat.completions.create(model="gpt-4", messages=PROMPT)


def test_images_go_in_batches(digits: str) -> None:
    """Sixty at once are answered in fewer batches than images, each as if it were alone."""
    images = [[[(i * j + k) % 17 for k in range(8)] for j in range(8)] for i in range(6)]

    async def ask() -> tuple[list[Any], list[Any]]:
        async with httpx2.AsyncClient(base_url=digits, timeout=60) as client:
            alone = [(await client.post("/predict", json={"pixels": image})).json() for image in images]
            answers = [client.post("/predict", json={"pixels": image}) for image in images * 10]
            return alone, [answer.json() for answer in await asyncio.gather(*answers)]

    before = httpx2.get(f"{digits}/stats", timeout=10).json()
    alone, together = asyncio.run(ask())
    after = httpx2.get(f"{digits}/stats", timeout=10).json()
    for one, expected in zip(together, alone * 10, strict=True):
        assert one["digit"] == expected["digit"]
        assert one["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)
    assert after["images"] - before["images"] == 66
    assert after["batches"] - before["batches"] < 60
