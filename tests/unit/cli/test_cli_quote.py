"""`spillover quote`: what is asked, and how the answer is told."""

import json
from typing import Any

import pytest

NOW = 1_790_000_000.0


@pytest.fixture
def a_quote() -> dict[str, Any]:
    offer = {"node_type": "gpu", "nodes": 1, "start_delay_s": 0.0, "runtime_s": 7200.0, "out": "", "chosen": False}
    return {
        "demand": "1x{GPU:8}",
        "demand_source": "declared by spillover/workers",
        "team": "search",
        "runtime_s": 7200.0,
        "runtime_source": "the job's own hint",
        "verdict": "take",
        "sentence": "Bursts to cloud: it is worth it.",
        "reason": "burst",
        "policy": "threshold",
        "as_of": NOW,
        "pool": "cloud",
        "wait_s": 240.0,
        "until": None,
        "cost_usd": 24.5,
        "offers": [
            offer | {"pool": "onprem", "market": "owned", "price_usd_per_hour": 2.0, "cost_usd": None, "out": "full"},
            offer
            | {"pool": "cloud", "market": "spot", "price_usd_per_hour": 12.0, "cost_usd": 24.5, "start_delay_s": 240.0}
            | {"chosen": True, "cheapest": True},
            offer | {"pool": "dear", "market": "spot", "price_usd_per_hour": 30.0, "cost_usd": 60.0, "soonest": True},
        ],
    }


def test_a_quote_is_told_with_every_offer(spillover, api, a_quote):
    """The verdict, the wait and the price come first; then all offers: chosen, cheapest, soonest, and why one is out."""
    api.put("POST /quote", a_quote)
    lines = spillover("quote", "1x{GPU:8}", "--runtime", "2h").stdout.splitlines()
    assert lines[0] == "1x{GPU:8} (declared by spillover/workers) for team search, runs 2h00m (the job's own hint)"
    assert lines[1] == "take: Bursts to cloud: it is worth it."
    assert lines[2] == "Would start in 4m00s on cloud, for about $24.50."
    rows = [line.split() for line in lines if " gpu " in line]
    assert [(row[0], row[-1]) for row in rows] == [("✔", "cheapest"), ("dear", "soonest"), ("onprem", "full")]
    assert lines[-1] == "Nothing was started."


def test_a_quote_says_how_sure_it_is(spillover, api, a_quote):
    """Run time and wait are told with the interval in which 8 of 10 lie; a wait that may never end, as that."""
    runs = {"mean_s": 7200.0, "low_s": 300.0, "median_s": 3600.0, "high_s": 32400.0, "source": "34 runs of its user"}
    waits = runs | {"mean_s": 240.0, "high_s": None}
    api.put("POST /quote", a_quote | {"runtime_source": runs["source"], "runs": runs, "waits": waits})
    lines = spillover("quote", "1x{GPU:8}").stdout.splitlines()
    assert lines[0].endswith("runs 2h00m (80% between 5m00s and 9h00m; 34 runs of its user)")
    assert lines[2].startswith("Would start in 4m00s (80% between 5m00s and no end in sight) on cloud")


def test_a_job_that_would_wait_is_told_until_when(spillover, api, a_quote):
    """Without a start in sight that is said, and when the policy would burst it."""
    api.put("POST /quote", a_quote | {"verdict": "wait", "pool": None, "wait_s": None, "until": NOW * 2})
    assert "No start is in sight, for about $24.50; as things stand it bursts in " in spillover("quote").stdout


def test_what_is_said_becomes_metadata(spillover, api, a_quote):
    """Options win over --metadata-json, and what was not said is not sent as text."""
    api.put("POST /quote", a_quote)
    said = '{"spillover/runtime": "9h", "mine": "x"}'
    args = ("quote", "{CPU:4}", "--runtime", "2h", "--markets", "spot", "--entrypoint-num-gpus", "1")
    more = ("--data", "s3://b/x=5GB", "--deadline", "2026-12-01T08:00Z", "--resumable")
    spillover(*args, *more, "--metadata-json", said)
    body = json.loads(api.bodies[-1])
    assert body["metadata"] == {
        "spillover/runtime": "2h",
        "mine": "x",
        "spillover/markets": "spot",
        "spillover/workers": "{CPU:4}",
        "spillover/data": "s3://b/x=5GB",
        "spillover/deadline": "2026-12-01T08:00Z",
        "spillover/resumable": "true",
    }
    assert (body["entrypoint"], body["entrypoint_num_cpus"], body["entrypoint_num_gpus"]) == (None, None, 1.0)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_metadata_that_is_no_object_is_refused(text, spillover):
    """What is no JSON object is named before anything is sent."""
    result = spillover("quote", "--metadata-json", text)
    assert result.exit_code == 1
    assert f"--metadata-json '{text}' is no JSON" in result.stderr
