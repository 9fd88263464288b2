"""Kueue's workloads and Ray's job lists, as traces."""

import json

import pytest

from spillover.backtest.readers import read_trace
from spillover.errors import BadArgument

DAY = "2026-11-02T"


@pytest.fixture
def listed(tmp_path):
    def read(found):
        path = tmp_path / "jobs.json"
        path.write_text(json.dumps(found))
        return read_trace(path)

    return read


def workload(name, *, admitted=None, finished=None, count=1, requests=None, limits=None, **spec):
    conditions = [("QuotaReserved", admitted), ("Admitted", admitted), ("Finished", finished)]
    container = {"resources": {"requests": requests or {}, "limits": limits or {}}}
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "Workload",
        "metadata": {"name": name, "namespace": "research", "creationTimestamp": f"{DAY}08:00:00Z"},
        "spec": {
            "queueName": "vision",
            "podSets": [{"count": count, "template": {"spec": {"containers": [container]}}}],
            **spec,
        },
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": DAY + at} for kind, at in conditions if at
            ]
        },
    }


def test_finished_workloads_are_played(listed):
    """A gang asks for its pods times their requests, a limit stands for a request; it runs from admission to its end."""
    loaded = listed(
        {
            "kind": "List",
            "items": [
                workload("w1", admitted="08:10:00Z", finished="09:10:00Z", count=4, requests={"nvidia.com/gpu": "2"}),
                workload(
                    "w2",
                    admitted="08:00:10Z",
                    finished="08:00:40Z",
                    requests={"cpu": "500m", "memory": "8Gi"},
                    limits={"nvidia.com/gpu": 1, "cpu": "2"},
                    maximumExecutionTimeSeconds=90,
                    priority=5,
                ),
                workload("w3"),
                workload("w4", admitted="08:00:10Z"),
            ],
        }
    )
    trace = loaded.trace
    assert (loaded.format, trace.ids) == ("kueue", ("research/w1", "research/w2"))
    assert [trace.gpus.tolist(), trace.cpus.tolist(), trace.run_s.tolist()] == [[8, 1], [0, 0.5], [3600, 30]]
    assert (trace.teams, trace.users, trace.priority.tolist()) == (("vision",), ("research",), [0, 5])
    assert trace.hint_s[1] == 90
    assert loaded.left_out[:2] == (
        "left out, never admitted: 1 job, item 3",
        "left out, not finished yet: 1 job, item 4",
    )


def ray_job(name, start_s=0, end_s=60, metadata=None, **more):
    return {
        "submission_id": name,
        "entrypoint": "python train.py",
        "status": "SUCCEEDED",
        "start_time": 1_790_000_000_000 + 1000 * start_s,
        "end_time": None if end_s is None else 1_790_000_000_000 + 1000 * end_s,
        "metadata": metadata or {},
        **more,
    }


def test_rays_jobs_are_played(listed):
    """What a job asks for is said by its metadata or its entrypoint's resources; `spillover/` keys say the rest."""
    said = {
        "spillover/workers": "2x{GPU:4,CPU:8}",
        "spillover/team": "speech",
        "spillover/runtime": "2h",
        "spillover/deadline": "2026-09-22T14:13:20Z",
        "spillover/priority": "high",
        "spillover/resumable": "true",
    }
    loaded = listed(
        [
            ray_job("r1", metadata=said),
            ray_job("r2", start_s=5, entrypoint_num_gpus=1),
            ray_job("r3", metadata={"spillover/workers": "two"}, entrypoint_resources={"GPU": 2}),
            ray_job("r4", end_s=None),
            ray_job("r5"),
        ]
    )
    trace = loaded.trace
    assert (loaded.format, trace.ids, trace.gpus.tolist()) == ("ray", ("r1", "r3", "r2"), [8, 2, 1])
    assert trace.begins_at == 1_790_000_000
    assert trace.run_s.tolist() == [60, 60, 55]
    assert (trace.hint_s[0], trace.deadline_s[0], trace.priority[0]) == (7200, 86_400, 100)
    assert trace.resumable.tolist() == [True, False, False]
    assert loaded.left_out[:2] == (
        "left out, not ended yet: 1 job, item 4",
        "left out, with neither spillover/workers nor an entrypoint that says what they need: 1 job, item 5",
    )


def test_what_holds_no_list_is_refused(tmp_path):
    """Broken JSON, and JSON without jobs, are named."""
    path = tmp_path / "x.json"
    path.write_text('{"items": 3}')
    with pytest.raises(BadArgument, match="holds no list of Ray jobs"):
        read_trace(path, format_name="ray")
    path.write_text("{")
    with pytest.raises(BadArgument, match=r"x\.json is no JSON"):
        read_trace(path, format_name="kueue")
