"""Bodies become requests and jobs become Ray's JobDetails."""

import dataclasses
import json
from typing import Any

import pytest
from fake_service import make_job

from spillover.domain.job import Attempt, JobStatus, JobView, SubmitRequest
from spillover.errors import BadRequest
from spillover.gateway.wire import MalformedBody, job_details, parse_submit, redacted, submit_body

FULL = SubmitRequest(
    entrypoint="python train.py",
    runtime_env={"env_vars": {"A": "1"}},
    metadata={"spillover/team": "search", "note": "ü"},
    entrypoint_num_cpus=0.5,
    entrypoint_num_gpus=2,
    entrypoint_memory=1024,
    entrypoint_resources={"tpu": 1},
    entrypoint_label_selector={"ray.io/market-type": "!spot"},
)
ATTEMPT = Attempt(
    attempt_id="j1",
    submission_id="j1",
    number=1,
    pool="onprem",
    node_type="gpu",
    market="owned",
    committed_at=1001.0,
    core_job_id="02000000",
    driver_info={"id": "02000000", "node_ip_address": "10.0.0.1", "pid": "77"},
    driver_node_id="abc",
    driver_agent_http_address="http://10.0.0.1:52365",
)


def parse(body: Any) -> tuple[str | None, SubmitRequest]:
    return parse_submit(json.dumps(body).encode())


def test_request_survives_the_wire() -> None:
    """What a client would send for a request is read back as that request."""
    assert parse(submit_body("j1", FULL)) == ("j1", FULL)
    submission_id, request = parse(submit_body("j1", FULL))
    assert dataclasses.asdict(request) == dataclasses.asdict(FULL)
    assert submission_id == "j1"


def test_nulls_count_as_absent() -> None:
    """Nulls are dropped before anything is checked, unknown fields included, as Ray does."""
    assert parse({"entrypoint": "x", "metadata": None, "of_a_newer_ray": None}) == (None, SubmitRequest("x"))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({}, None),
        ({"submission_id": ""}, None),
        ({"job_id": "old"}, "old"),
        ({"submission_id": "new", "job_id": "old"}, "new"),
    ],
)
def test_job_id_is_the_old_name(sent: dict[str, str], read: str | None) -> None:
    """The id comes from submission_id, else from its old name job_id; an empty one counts as none."""
    assert parse({"entrypoint": "x", **sent})[0] == read


def test_wrong_fields_are_bad_requests() -> None:
    """A wrong field is a 400 whose text is the last line of Ray's traceback."""
    with pytest.raises(BadRequest) as error:
        parse({"entrypoint": 1})
    assert error.value.text == "TypeError: entrypoint must be a string, got <class 'int'>"
    assert error.value.status == 400


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"x"', b'{"entrypoint": "\xff"}', b'{"a": NaN}', b"[" * 100_000, b'{"a":' * 900]
)
def test_malformed_bodies_are_malformed(raw: bytes) -> None:
    """A body that is no JSON object gets Ray's status and one line."""
    with pytest.raises(MalformedBody) as error:
        parse_submit(raw)
    assert error.value.status == 500
    assert "\n" not in error.value.text


@pytest.mark.parametrize("entrypoint", ["a\x00b", "\ud800"])
def test_text_that_cannot_be_stored_is_refused(entrypoint: str) -> None:
    """NUL and half surrogate pairs, which JSON can spell, are refused wherever they stand."""
    for body in ({"entrypoint": entrypoint}, {"entrypoint": "x", "runtime_env": {"pip": [{entrypoint: 1}]}}):
        with pytest.raises(BadRequest):
            parse(body)


def test_details_are_rays() -> None:
    """A job's details hold every field of Ray's JobDetails in its order, and Ray's model takes them."""
    from ray.dashboard.modules.job.pydantic_models import JobDetails

    job = make_job(request=FULL, status=JobStatus.RUNNING, started_at=1002.25, message="runs on onprem")
    details = job_details(JobView(job, ATTEMPT), redact=False)
    model = JobDetails(**json.loads(json.dumps(details))).model_dump(mode="json")
    assert model == details
    assert list(model) == list(details)
    assert details == {
        "type": "SUBMISSION",
        "job_id": "onprem:02000000",
        "submission_id": "j1",
        "driver_info": {"id": "onprem:02000000", "node_ip_address": "10.0.0.1", "pid": "77"},
        "status": "RUNNING",
        "entrypoint": "python train.py",
        "message": "runs on onprem",
        "error_type": None,
        "start_time": 1002250,
        "end_time": None,
        "metadata": {"spillover/team": "search", "note": "ü"},
        "runtime_env": {"env_vars": {"A": "1"}},
        "driver_agent_http_address": "http://10.0.0.1:52365",
        "driver_node_id": "abc",
        "driver_exit_code": None,
    }


def test_queued_job_has_no_driver() -> None:
    """A job that was never placed shows its submit time as start, as Ray does, and nothing about a driver."""
    details = job_details(JobView(make_job(), None), redact=False)
    driver = ("job_id", "driver_info", "driver_agent_http_address", "driver_node_id", "driver_exit_code")
    assert [details[name] for name in driver] == [None] * 5
    assert (details["start_time"], details["end_time"]) == (1000500, None)


@pytest.mark.parametrize(
    ("status", "rays"),
    [
        (JobStatus.QUEUED, "PENDING"),
        (JobStatus.STARTING, "PENDING"),
        (JobStatus.RUNNING, "RUNNING"),
        (JobStatus.UNREACHABLE, "RUNNING"),
        (JobStatus.SUCCEEDED, "SUCCEEDED"),
        (JobStatus.FAILED, "FAILED"),
        (JobStatus.STOPPED, "STOPPED"),
    ],
)
def test_status_and_message_are_rays(status: JobStatus, rays: str) -> None:
    """Each status maps to Ray's, and a job without a message gets Ray's words for it."""
    from ray.dashboard.modules.job.common import JobInfo
    from ray.dashboard.modules.job.common import JobStatus as RayStatus

    details = job_details(JobView(make_job(status=status), None), redact=False)
    assert details["status"] == rays
    assert details["message"] == JobInfo(status=RayStatus(rays), entrypoint="x").message


def test_redaction_is_rays() -> None:
    """Redaction masks the values of env_vars as Ray's does, and leaves the original alone."""
    from ray.dashboard.runtime_env_redaction import redact_runtime_env

    env = {"env_vars": {"TOKEN": "secret"}, "pip": ["a"]}
    assert redacted(env) == redact_runtime_env(env) == {"env_vars": {"TOKEN": "<redacted>"}, "pip": ["a"]}
    assert env["env_vars"] == {"TOKEN": "secret"}
    assert redacted({"env_vars": None}) == {"env_vars": None}
