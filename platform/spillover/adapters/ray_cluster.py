"""A pool's cluster through Ray's Jobs API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..domain.job import SubmitRequest
from ..domain.pool import Observation
from ..errors import PoolRefused, PoolUnreachable
from ..node.capacity import failures
from ..ports import ClusterJob, ClusterVersion
from .ray_http import UPLOAD_TIMEOUT_S, RayHttp, last_line
from .ray_state import observe

MARK = "spillover-installation"  # in the metadata of what we hand over: an id alone may be somebody else's job

# The head wraps what the agent behind it answers into a 500 of its own
_AGENT_SAID_NO = "status code 400"


class RayCluster:
    """ports.Cluster over HTTP. `installation` marks the jobs that are ours."""

    def __init__(self, http: RayHttp, installation: str) -> None:
        self._http = http
        self._installation = installation

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def version(self) -> ClusterVersion:
        raw = await self._http.json("GET", "/api/version", timeout_s=5.0)
        return ClusterVersion(ray_version=raw["ray_version"], session_name=raw.get("session_name") or "")

    async def has_package(self, uri: str) -> bool:
        async with self._http.request("GET", _package_path(uri)) as answer:
            return answer.status == 200

    async def put_package(self, uri: str, path: Path) -> None:
        with path.open("rb") as file:
            async with self._http.request("PUT", _package_path(uri), data=file, timeout_s=UPLOAD_TIMEOUT_S) as answer:
                if answer.status != 200:
                    raise PoolRefused(f"package {uri} was not taken: {last_line(await answer.text())}")

    async def submit(self, attempt_id: str, request: SubmitRequest) -> None:
        body = _body(attempt_id, request, self._installation)
        async with self._http.request("POST", "/api/jobs/", json=body, timeout_s=60.0) as answer:
            if answer.status == 200:
                return
            text = await answer.text()
        reason = last_line(text)
        if "already exists" in reason:
            await self._check_ours(attempt_id)
        elif answer.status < 500 or _AGENT_SAID_NO in text:
            raise PoolRefused(f"the pool refused the job: {reason}")
        else:
            raise PoolUnreachable(f"the pool cannot take the job now: {reason}")

    async def _check_ours(self, attempt_id: str) -> None:
        raw = await self._http.json("GET", _job_path(attempt_id))
        if (raw.get("metadata") or {}).get(MARK) != self._installation:
            raise PoolRefused(f"the id {attempt_id} is taken on the pool by a job that did not come through Spillover")

    async def job(self, attempt_id: str) -> ClusterJob | None:
        async with self._http.request("GET", _job_path(attempt_id)) as answer:
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise PoolRefused(f"status of {attempt_id}: {last_line(await answer.text())}")
            raw = await answer.json(content_type=None)
        if (raw.get("metadata") or {}).get(MARK) != self._installation:
            return None
        return _cluster_job(raw)

    async def stop(self, attempt_id: str) -> None:
        async with self._http.request("POST", _job_path(attempt_id) + "/stop") as answer:
            if answer.status not in {200, 404}:
                raise PoolRefused(f"stop of {attempt_id}: {last_line(await answer.text())}")

    async def logs(self, attempt_id: str) -> str:
        raw = await self._http.json("GET", _job_path(attempt_id) + "/logs", timeout_s=UPLOAD_TIMEOUT_S)
        return str(raw["logs"])

    def tail(self, attempt_id: str) -> AsyncIterator[str]:
        return self._http.websocket(_job_path(attempt_id) + "/logs/tail")

    async def observe(self) -> Observation:
        return await observe(self._http, await self.version())

    async def failed_launches(self) -> Collection[tuple[str, str]]:
        raw = await self._http.json("GET", "/api/cluster_status?format=1")
        return failures(str((raw.get("data") or {}).get("clusterStatus") or ""))


def _package_path(uri: str) -> str:
    protocol, _, name = uri.partition("://")
    return f"/api/packages/{protocol}/{quote(name)}"


def _job_path(attempt_id: str) -> str:
    return f"/api/jobs/{quote(attempt_id, safe='')}"


def _body(attempt_id: str, request: SubmitRequest, installation: str) -> dict[str, Any]:
    optional = {
        "entrypoint_num_cpus": request.entrypoint_num_cpus,
        "entrypoint_num_gpus": request.entrypoint_num_gpus,
        "entrypoint_memory": request.entrypoint_memory,
        "entrypoint_resources": request.entrypoint_resources,
        "entrypoint_label_selector": request.entrypoint_label_selector,
    }
    return {
        "entrypoint": request.entrypoint,
        "submission_id": attempt_id,
        "runtime_env": dict(request.runtime_env),
        "metadata": {**request.metadata, MARK: installation},
        **{name: value for name, value in optional.items() if value is not None},
    }


def _cluster_job(raw: dict[str, Any]) -> ClusterJob:
    return ClusterJob(
        status=raw["status"],
        message=raw.get("message") or "",
        error_type=raw.get("error_type"),
        start_at=_seconds(raw.get("start_time")),
        end_at=_seconds(raw.get("end_time")),
        exit_code=raw.get("driver_exit_code"),
        core_job_id=raw.get("job_id"),
        driver_info=raw.get("driver_info"),
        driver_node_id=raw.get("driver_node_id"),
        driver_agent_http_address=raw.get("driver_agent_http_address"),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None
