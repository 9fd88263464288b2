"""The `spillover` block of an application is read whole, and refused with every mistake at once."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spillover.control.serving.block import KEYS, demand_of, read_block, show_block
from spillover.domain.serving import Application, Replicas, ServeTerms
from spillover.errors import BadRequest

WHOLE = """
name: chat
import_path: serve_lm.app:app
runtime_env:
  working_dir: local:///srv/jobs
  spillover:
    baseline: 1-2
    burst: 0:3
    latency_target: 500ms
    ongoing: 8
    idle: 2min
    retry: safe
    request_limit: 2MiB
    timeout: 30
    demand: 2x{CPU:1}
    pools: onprem, aws
    regions: [eu]
    markets: owned,spot
    needs: nfs:/data
    priority: high
    team: search
deployments:
- name: Model
"""


def entry(deployments: Any = None, **block: Any) -> dict[str, Any]:
    found = {"name": "chat", "import_path": "a:b", "runtime_env": {"spillover": block}}
    return found if deployments is None else {**found, "deployments": deployments}


def application(raw: dict[str, Any]) -> Application:
    terms, config = read_block(raw)
    return Application("chat", "alice", "search", "/chat", config, terms, 1.0)


def mistakes(raw: dict[str, Any]) -> str:
    with pytest.raises(BadRequest) as error:
        read_block(raw)
    return error.value.text


def test_every_key_is_read() -> None:
    """What the file says becomes terms in their units; the rest of the entry stays as it was, without the block."""
    raw = yaml.safe_load(WHOLE)
    assert set(raw["runtime_env"]["spillover"]) == set(KEYS)
    terms, config = read_block(raw)
    assert terms == ServeTerms(
        baseline=Replicas(1, 2),
        burst=Replicas(0, 3),
        latency_target_s=0.5,
        ongoing=8,
        idle_s=120.0,
        retry_safe=True,
        request_limit_bytes=2 * 1024**2,
        timeout_s=30.0,
        pools=("onprem", "aws"),
        regions=("eu",),
        markets=("owned", "spot"),
        needs=("nfs:/data",),
        demand="2x{CPU:1}",
        priority=100,
        team="search",
    )
    assert config == {**raw, "runtime_env": {"working_dir": "local:///srv/jobs"}}


@pytest.mark.parametrize("raw", [{"import_path": "a:b"}, {"import_path": "a:b", "runtime_env": {"pip": ["x"]}}])
def test_an_application_without_a_block_has_the_defaults(raw: dict[str, Any]) -> None:
    """Nothing need be said: such an entry is passed on as it is."""
    assert read_block(raw) == (ServeTerms(), raw)


def test_all_mistakes_come_at_once() -> None:
    """The refusal names the application, and each key with its value and the remedy."""
    text = mistakes(entry(latency="1s", pools=[], retry=True, ongoing=0, timeout="soon", markets="spit", priority=5000))
    assert text.startswith("application 'chat', block 'spillover': ")
    for part in (
        "unknown key 'latency'; did you mean 'latency_target'?",
        "pools: it is empty; leave the key out instead",
        "retry: True is neither 'safe' nor 'never'",
        "ongoing: 0 is no number of requests",
        "timeout: 'soon' is no duration",
        "markets: 'spit' is not a market; there are owned, on_demand, spot",
        "priority: 5000 is not a priority",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("two", "'two' is no number of replicas; write '1-2'"),
        ("3-1", "'3-1' has more at least than at most; write '1-3'"),
        (True, "True is no number of replicas"),
        (-1, "-1 is no number of replicas"),
    ],
)
def test_what_is_no_number_of_replicas_is_refused(written: Any, text: str) -> None:
    """The remedy is in the message."""
    assert f"burst: {text}" in mistakes(entry(burst=written))


def test_an_unquoted_range_with_a_colon_is_no_other_number() -> None:
    """YAML 1.1 reads 1:2 as 62, which must not become 62 replicas."""
    block = yaml.safe_load("baseline: 1:2")
    assert block == {"baseline": 62}
    assert "62 is what YAML makes of an unquoted 1:2; write '1-2', or '62-62'" in mistakes(entry(**block))


def test_a_block_that_is_no_mapping_is_refused() -> None:
    """A forgotten indentation is told."""
    raw = {"import_path": "a:b", "runtime_env": {"spillover": "1-2"}}
    assert mistakes(raw).startswith("application 'default', block 'spillover': '1-2' is no mapping")


def test_an_application_must_run_somewhere() -> None:
    """No replicas at all are a mistake."""
    assert "baseline and burst are both 0" in mistakes(entry(baseline=0))


def test_only_what_can_be_multiplied_may_have_several_replicas() -> None:
    """Several replicas are made by multiplying num_replicas, which must stand in the file then."""
    assert "more than one replica needs its 'deployments'" in mistakes(entry(burst="0-2"))
    assert read_block(entry([{"name": "Model"}], burst="0-2"))[0].burst == Replicas(0, 2)


@pytest.mark.parametrize(
    ("deployments", "ongoing"),
    [
        (None, 5),
        ([{"name": "A"}], 5),
        ([{"name": "A", "max_ongoing_requests": 3}, {"name": "B", "max_ongoing_requests": 8, "num_replicas": 2}], 16),
    ],
)
def test_ongoing_is_what_the_ingress_takes(deployments: Any, ongoing: int) -> None:
    """It is the last one, as `serve build` lists them; each of its replicas takes so many; Ray's default is 5."""
    assert read_block(entry(deployments))[0].ongoing == ongoing
    assert read_block(entry(deployments, ongoing=7))[0].ongoing == 7


@pytest.mark.parametrize(
    ("deployments", "demand"),
    [
        (None, "1x{CPU:1}"),
        ([{"name": "A"}], "1x{CPU:1}"),
        (
            [{"name": "A", "num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5, "num_gpus": 1}}],
            "2x{CPU:0.5,GPU:1}",
        ),
        (
            [
                {"name": "A", "autoscaling_config": {"min_replicas": 3, "max_replicas": 9}},
                {"name": "B", "ray_actor_options": {"num_cpus": 0, "memory": 1024, "resources": {"tpu": 1}}},
            ],
            "3x{CPU:1} + 1x{memory:1024,tpu:1}",
        ),
        ([{"name": "A", "num_replicas": "auto"}, {"name": "B", "ray_actor_options": {"num_cpus": 0}}], "1x{CPU:1}"),
        (
            [{"name": "A", "num_replicas": 2, "placement_group_bundles": [{"CPU": 1}, {"GPU": 2}]}],
            "2x{CPU:1} + 2x{GPU:2}",
        ),
    ],
)
def test_demand_is_what_the_deployments_need(deployments: Any, demand: str) -> None:
    """A bundle for each replica of each deployment, with Ray's defaults; the block's own demand goes before."""
    assert str(demand_of(application(entry(deployments)))) == demand
    assert str(demand_of(application(entry(deployments, demand="4x{GPU:1}")))) == "4x{GPU:1}"


@given(
    st.fixed_dictionaries(
        {"baseline": st.sampled_from(["1", "0-4", "2-2"])},
        optional={
            "burst": st.sampled_from(["0", "0-3"]),
            "latency_target": st.sampled_from(["1ms", "0.25s", "1s", "3h"]),
            "ongoing": st.integers(1, 100),
            "idle": st.sampled_from(["0s", "60s", "400d"]),
            "retry": st.sampled_from(["safe", "never"]),
            "request_limit": st.integers(1, 10**9),
            "pools": st.sampled_from(["a", "a,b"]),
            "priority": st.integers(-1000, 1000),
            "demand": st.just("2x{CPU:1}"),
            "team": st.just("search"),
        },
    )
)
def test_terms_are_shown_as_they_are_read(block: dict[str, Any]) -> None:
    """What `serve config` shows can be deployed again, and means the same."""
    shown = application(entry([{"name": "A", "max_ongoing_requests": 9}], **block))
    raw = {**shown.config, "runtime_env": {"spillover": show_block(shown)}}
    assert read_block(raw)[0] == shown.terms
