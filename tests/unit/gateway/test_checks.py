"""Submit requests are refused with the texts of Ray."""

from typing import Any

import pytest

from spillover.gateway.checks import check_submit

WRONG_TYPES: list[dict[str, Any]] = [
    {},
    {"runtime_env": {}},
    {"entrypoint": "true", "foo": 1},
    {"foo": 1},
    {"entrypoint": 1},
    {"entrypoint": "true", "submission_id": 1},
    {"entrypoint": "true", "job_id": 1.5},
    {"entrypoint": "true", "runtime_env": []},
    {"entrypoint": "true", "metadata": "x"},
    {"entrypoint": "true", "metadata": {"a": 1}},
    {"entrypoint": "true", "entrypoint_num_cpus": "1"},
    {"entrypoint": "true", "entrypoint_num_gpus": []},
    {"entrypoint": "true", "entrypoint_memory": 1.5},
    {"entrypoint": "true", "entrypoint_resources": [1]},
    {"entrypoint": "true", "entrypoint_resources": {"a": "1"}},
    {"entrypoint": "true", "entrypoint_label_selector": "x"},
    {"entrypoint": "true", "entrypoint_label_selector": {"a": 1}},
    {"entrypoint": 1, "submission_id": 1, "metadata": 1},
]


@pytest.mark.parametrize("fields", WRONG_TYPES, ids=str)
def test_type_errors_are_rays(fields: dict[str, Any]) -> None:
    """Every wrong type is named in the words of Ray's JobSubmitRequest, the same one first."""
    from ray.dashboard.modules.job.common import JobSubmitRequest

    with pytest.raises(TypeError) as rays:
        JobSubmitRequest(**fields)
    with pytest.raises(TypeError) as ours:
        check_submit(fields)
    assert str(ours.value) == str(rays.value)


RESOURCES: list[dict[str, Any]] = [
    {"num_cpus": -1},
    {"num_gpus": -0.5},
    {"memory": -1},
    {"resources": {"tpu": -1}},
    {"resources": {"CPU": 1}},
    {"num_cpus": 0.00001},
]


@pytest.mark.parametrize("options", RESOURCES, ids=str)
def test_amounts_are_refused_as_when_the_job_starts(options: dict[str, Any]) -> None:
    """An amount that Ray refuses only when the job starts is refused at submit, in the same words."""
    from ray._common.ray_option_utils import validate_actor_options

    with pytest.raises(ValueError) as rays:
        validate_actor_options(options, in_options=True)
    with pytest.raises(ValueError) as ours:
        check_submit({"entrypoint": "true"} | {f"entrypoint_{name}": value for name, value in options.items()})
    assert str(ours.value) == str(rays.value)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"entrypoint_num_gpus": 1.5}, "GPU resource quantities >1 must be whole numbers"),
        ({"entrypoint_resources": {"memory": 1}}, "must not contain the key 'memory'"),
    ],
)
def test_amounts_that_fail_in_a_cluster_are_refused(fields: dict[str, Any], text: str) -> None:
    """What a job was seen to fail with on a real cluster is refused at submit."""
    with pytest.raises(ValueError, match=text):
        check_submit({"entrypoint": "true", **fields})


@pytest.mark.parametrize("amount", [float("inf"), 10**400, float("nan")], ids=["inf", "huge", "nan"])
def test_impossible_amounts_are_refused(amount: float) -> None:
    """An amount beyond all clusters, or none at all, is refused."""
    with pytest.raises(ValueError, match="no possible amount"):
        check_submit({"entrypoint": "true", "entrypoint_num_cpus": amount})


@pytest.mark.parametrize("submission_id", ["a", "raysubmit_4LamXRuQpYdSMg7J", "Exp_1.2-b", "9", "x" * 128, ""])
def test_safe_ids_pass(submission_id: str) -> None:
    """Ids as Ray makes them, and others that are safe, are taken."""
    check_submit({"entrypoint": "true", "submission_id": submission_id})


@pytest.mark.parametrize("submission_id", ["a/b", "..", ".hidden", "a b", "a\n", "é", "pool:0200", "-x", "x" * 129])
@pytest.mark.parametrize("name", ["submission_id", "job_id"])
def test_unsafe_ids_are_refused(name: str, submission_id: str) -> None:
    """An id that could not be a file name and one URL segment is refused, and the error says what may."""
    with pytest.raises(ValueError, match="use 1 to 128 letters, digits"):
        check_submit({"entrypoint": "true", name: submission_id})


def test_empty_entrypoint_is_refused() -> None:
    """An entrypoint that runs nothing is refused; Ray would run it and call it a success."""
    with pytest.raises(ValueError, match="entrypoint is empty"):
        check_submit({"entrypoint": " "})


def test_label_selector_is_checked() -> None:
    """A label selector that no node could match by syntax is refused."""
    with pytest.raises(ValueError, match="Invalid label selector value `-x`"):
        check_submit({"entrypoint": "true", "entrypoint_label_selector": {"a": "-x"}})


def test_runtime_env_is_checked() -> None:
    """The runtime environment is checked with the rest."""
    with pytest.raises(TypeError, match="env_vars"):
        check_submit({"entrypoint": "true", "runtime_env": {"env_vars": {"A": 1}}})
