"""Ray's own clients, unmodified, against the gateway."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_service import ALICE, FakeService, make_job, serving

from spillover.domain.job import JobStatus
from spillover.gateway.server import GatewayServer

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def _no_cluster_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's client prefers these over the address that it is given."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_JOB_HEADERS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def rays_client(service: FakeService) -> AsyncIterator[tuple[Any, GatewayServer]]:
    from ray.job_submission import JobSubmissionClient

    async with serving(service) as server:
        yield await asyncio.to_thread(JobSubmissionClient, server.url, headers=dict(ALICE)), server


async def until(condition) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def test_job_is_submitted_with_its_working_dir(tmp_path: Path) -> None:
    """The client uploads the working directory once, and everything that it sends reaches the service."""
    (tmp_path / "train.py").write_text("print('hi')")
    service = FakeService()
    async with rays_client(service) as (client, _):

        def submit(submission_id: str) -> str:
            return client.submit_job(
                entrypoint="python train.py",
                submission_id=submission_id,
                runtime_env={"working_dir": str(tmp_path), "pip": ["requests"], "env_vars": {"A": "1"}},
                metadata={"spillover/team": "search"},
                entrypoint_num_cpus=0.5,
                entrypoint_num_gpus=1,
                entrypoint_memory=1024,
                entrypoint_resources={"tpu": 1},
                entrypoint_label_selector={"ray.io/market-type": "!spot"},
            )

        assert await asyncio.to_thread(submit, "j1") == "j1"
        assert await asyncio.to_thread(submit, "j2") == "j2"
    ((uri, package),) = service.packages.items()
    assert package.startswith(b"PK")
    request = service.views["j1"].job.request
    assert request.runtime_env["working_dir"] == uri
    assert request.runtime_env["pip"] == {"packages": ["requests"], "pip_check": False}
    assert request.metadata == {"spillover/team": "search"}
    assert (request.entrypoint_num_cpus, request.entrypoint_num_gpus, request.entrypoint_memory) == (0.5, 1, 1024)
    assert (request.entrypoint_resources, request.entrypoint_label_selector) == (
        {"tpu": 1},
        {"ray.io/market-type": "!spot"},
    )


async def test_job_is_followed_through_its_life() -> None:
    """Status, details, list, logs, stop and delete work through the client."""
    from ray.job_submission import JobStatus as RayStatus

    service = FakeService()
    service.add(make_job("j1", status=JobStatus.RUNNING))
    async with rays_client(service) as (client, _):

        def follow() -> None:
            assert client.get_version() == "4"
            assert client.get_job_status("j1") is RayStatus.RUNNING
            assert [job.submission_id for job in client.list_jobs()] == ["j1"]
            assert client.get_job_info("j1").message == "Job is currently running."
            assert client.get_job_logs("j1") == "hello\nwörld\n"
            assert client.stop_job("j1") is True
            assert client.stop_job("j1") is False
            assert client.delete_job("j1") is True
            assert client.list_jobs() == []

        await asyncio.to_thread(follow)


async def test_errors_read_as_rays() -> None:
    """What goes wrong is raised by the client with the status and the text of the gateway."""
    service = FakeService()
    service.add(make_job("j1"))
    async with rays_client(service) as (client, _):

        def fail(text: str, call: Any, *args: Any, **kwargs: Any) -> None:
            with pytest.raises(RuntimeError) as error:
                call(*args, **kwargs)
            assert str(error.value) == f"Request failed with status code {text}."

        def go_wrong() -> None:
            taken = "Job with submission_id j1 already exists. Please use a different submission_id."
            fail(f"500: {taken}", client.submit_job, entrypoint="x", submission_id="j1")
            negative = "ValueError: The quantity of resource num_cpus cannot be negative"
            fail(f"400: {negative}", client.submit_job, entrypoint="x", entrypoint_num_cpus=-1)
            for call in (client.get_job_info, client.get_job_logs, client.stop_job, client.delete_job):
                fail("404: Job nope does not exist", call, "nope")
            live = "Attempted to delete job 'j1', but it is in a non-terminal state PENDING."
            fail(f"500: {live}", client.delete_job, "j1")

        await asyncio.to_thread(go_wrong)


async def test_too_large_package_is_explained(tmp_path: Path) -> None:
    """A client that uploads too much reads why, though it writes to the end before it looks."""
    (tmp_path / "data.bin").write_bytes(os.urandom(6_000_000))
    service = FakeService()
    service.max_package = 100_000
    async with rays_client(service) as (client, _):
        with pytest.raises(RuntimeError, match=r"status code 413: Package gcs://_ray_pkg_.*the limit is 100000"):
            await asyncio.to_thread(client.submit_job, entrypoint="x", runtime_env={"working_dir": str(tmp_path)})


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        ({}, ("Authentication required: Unauthorized: Missing authentication token", "no authentication token")),
        (
            {"Authorization": "Bearer nobody"},
            ("Authentication failed: Forbidden: Invalid authentication token", "invalid or incorrect"),
        ),
    ],
)
async def test_client_explains_authentication(headers: dict[str, str], texts: tuple[str, str]) -> None:
    """A missing or wrong token is raised as Ray's AuthenticationError with Ray's advice."""
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    async with serving(FakeService()) as server:
        with pytest.raises(AuthenticationError) as error:
            await asyncio.to_thread(JobSubmissionClient, server.url, headers=headers)
    assert all(text in str(error.value) for text in texts)


async def test_followed_logs_end_with_the_job() -> None:
    """tail_job_logs yields what is said and returns when the job ends."""
    service = FakeService()
    service.add(make_job("j1"))
    async with rays_client(service) as (client, _):
        service.say("j1", "[spillover] waits for room\n")
        service.say("j1", "epoch 1\n")
        service.finish("j1")
        assert [text async for text in client.tail_job_logs("j1")] == ["[spillover] waits for room\n", "epoch 1\n"]


@pytest.mark.parametrize("how", ["failure", "shutdown"])
async def test_cut_logs_raise(how: str) -> None:
    """When a stream fails or the server stops, the client raises and does not take it for the job's end."""
    service = FakeService()
    service.add(make_job("j1"))
    async with rays_client(service) as (client, server):
        service.say("j1", "epoch 1\n")
        stream = client.tail_job_logs("j1")
        assert await anext(stream) == "epoch 1\n"
        if how == "failure":
            service.say("j1", RuntimeError("lost"))
        else:
            await server.stop()
        with pytest.raises(RuntimeError, match="closed unexpectedly with close code 1006"):
            await anext(stream)


async def test_cli_submits_with_a_token_from_its_environment(tmp_path: Path) -> None:
    """`ray job submit` with RAY_AUTH_TOKEN uploads, submits, follows the logs, and exits 1 for a failed job."""
    (tmp_path / "train.py").write_text("print('hi')")
    service = FakeService()
    async with serving(service) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--submission-id", "j1"),
            *("--address", server.url, "--working-dir", str(tmp_path), "--", "python", "train.py"),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN": "alice-token",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        await until(lambda: "j1" in service.views or process.returncode is not None)
        service.say("j1", "epoch 1\n")
        service.finish("j1", JobStatus.FAILED)
        output = (await process.communicate())[0].decode()
    assert process.returncode == 1, output
    assert "epoch 1\n" in output
    assert "Job 'j1' failed" in output
    assert service.views["j1"].job.user == "alice"
    assert len(service.packages) == 1
