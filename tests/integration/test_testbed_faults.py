"""Each fault of the fake cloud does what it says, to the API alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bed_calls import launch, metadata, shown, truth, until

from testbed.bed import Testbed, testbed

pytestmark = [pytest.mark.slow, pytest.mark.testbed]


@pytest.fixture(scope="module")
def bed(module_root: Path) -> Iterator[Testbed]:
    with testbed(module_root / "b", hosts=0, ending_s=0.2) as made, made.inside():
        yield made


@pytest.fixture
def ec2(bed: Testbed) -> Iterator[Any]:
    """A client that calls once; the weather is fine again after each test, and what it leaves is ended."""
    client = bed.cloud.client("ec2", attempts=1)
    yield client
    bed.cloud.clear_faults()
    if left := living(bed):
        client.terminate_instances(InstanceIds=left)
    client.close()


def living(bed: Testbed) -> list[str]:
    return [each["id"] for each in bed.cloud.instances() if each["state"] in {"pending", "running"}]


def last_call(bed: Testbed, action: str) -> dict[str, Any]:
    return [call for call in bed.cloud.calls() if call["action"] == action][-1]


def without_token(params: dict[str, Any], **_: Any) -> None:
    """Take the ClientToken out again that boto3 puts in."""
    del params["body"]["ClientToken"]


def code(error: pytest.ExceptionInfo[Any]) -> str:
    found: str = error.value.response["Error"]["Code"]
    return found


def test_throttled_calls_do_nothing(bed: Testbed, ec2: Any) -> None:
    """RequestLimitExceeded: no instance, and the log says why."""
    bed.cloud.set_faults(throttle=1.0)
    with pytest.raises(ec2.exceptions.ClientError) as error:
        launch(bed, ec2)
    assert code(error) == "RequestLimitExceeded"
    assert living(bed) == []
    call = last_call(bed, "RunInstances")
    assert (call["service"], call["outcome"], call["error"]) == ("ec2", "throttle", "RequestLimitExceeded")


def test_a_seed_repeats_the_weather(bed: Testbed, ec2: Any) -> None:
    """The same seed throttles the same calls; botocore's own retries get through."""
    runs = []
    for _ in range(2):
        bed.cloud.set_faults(throttle=0.5, seed=11)
        before = len(bed.cloud.calls())
        for _ in range(12):
            try:
                ec2.describe_instances()
            except ec2.exceptions.ClientError:
                continue
        runs.append([call["outcome"] for call in bed.cloud.calls()[before:]])
    assert runs[0] == runs[1]
    assert {"ok", "throttle"} == set(runs[0])


def test_only_named_actions_are_touched(bed: Testbed, ec2: Any) -> None:
    """`actions` spares the others."""
    bed.cloud.set_faults(throttle=1.0, actions=["RunInstances"])
    ec2.describe_instances()
    with pytest.raises(ec2.exceptions.ClientError, match="RequestLimitExceeded"):
        launch(bed, ec2)


def test_late_answers_come_late_and_the_deed_at_once(bed: Testbed, ec2: Any) -> None:
    """What is asked for happens now; who asked hears it seconds later."""
    bed.cloud.set_faults(late=(1.0, 1.5))
    began = time.time()
    (instance_id,) = launch(bed, ec2, wait=False)
    assert time.time() - began >= 1.5
    assert truth(bed, instance_id)["states"][0][0] - began < 1.0
    assert last_call(bed, "RunInstances")["outcome"] == "late"


def test_created_and_then_failed(bed: Testbed, ec2: Any) -> None:
    """The instance exists though the caller was told InternalError; the same ClientToken finds it again."""
    bed.cloud.set_faults(create_then_fail=1.0)
    with pytest.raises(ec2.exceptions.ClientError) as error:
        launch(bed, ec2, ClientToken="t1")
    assert code(error) == "InternalError"
    (created,) = living(bed)
    bed.cloud.clear_faults()
    assert launch(bed, ec2, ClientToken="t1") == [created] == living(bed)
    assert launch(bed, ec2, ClientToken="t2") != [created]


def test_made_twice(bed: Testbed, ec2: Any) -> None:
    """Two sets are made and one is told of: without a token, or in spite of it if told so."""
    bed.cloud.set_faults(twice=1.0)
    assert launch(bed, ec2) == living(bed)  # boto3 has put in a token of its own
    assert last_call(bed, "RunInstances")["outcome"] == "ok"
    ec2.terminate_instances(InstanceIds=living(bed))
    ec2.meta.events.register("before-call.ec2.RunInstances", without_token)
    told = launch(bed, ec2)
    assert (len(told), len(living(bed)), set(told) < set(living(bed))) == (1, 2, True)
    ec2.terminate_instances(InstanceIds=living(bed))
    bed.cloud.set_faults(twice=0.0, twice_despite_token=1.0)
    other = bed.cloud.client("ec2", attempts=1)
    told = launch(bed, other, ClientToken="t3")
    other.close()
    assert (len(told), len(living(bed))) == (1, 2)


def test_refused_terminations_leave_it_running(bed: Testbed, ec2: Any) -> None:
    """UnauthorizedOperation or InternalError, by the dice, and the instance lives."""
    (instance_id,) = launch(bed, ec2)
    bed.cloud.set_faults(refuse_terminate=1.0, seed=3)
    codes = set()
    for _ in range(12):
        with pytest.raises(ec2.exceptions.ClientError) as error:
            ec2.terminate_instances(InstanceIds=[instance_id])
        codes.add(code(error))
    assert codes == {"UnauthorizedOperation", "InternalError"}
    assert truth(bed, instance_id)["state"] == "running"
    assert bed.run_on(instance_id, "hostname").stdout == f"{instance_id}\n"


def test_an_ignored_termination_is_answered_as_if_it_were_done(bed: Testbed, ec2: Any) -> None:
    """The answer says shutting-down; the instance goes on, and so does its bill."""
    (instance_id,) = launch(bed, ec2)
    bed.cloud.set_faults(terminate_ignored=1.0)
    (ending,) = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"]
    assert (ending["InstanceId"], ending["CurrentState"]["Name"]) == (instance_id, "shutting-down")
    assert shown(ec2, instance_id)["State"]["Name"] == "running"
    assert living(bed) == [instance_id]


def test_stale_lists_show_what_was(bed: Testbed, ec2: Any) -> None:
    """New instances are missing, ended ones still run, tags are the old ones; filters work on what is shown."""
    old, ended = launch(bed, ec2, MaxCount=2)
    ec2.create_tags(Resources=[old], Tags=[{"Key": "k", "Value": "1"}])
    settled = time.time()
    time.sleep(5)
    ec2.terminate_instances(InstanceIds=[ended])
    ec2.create_tags(Resources=[old], Tags=[{"Key": "k", "Value": "2"}])
    (new,) = launch(bed, ec2, wait=False)
    bed.cloud.set_faults(stale_s=time.time() - settled)  # for five seconds from now the lists lie between the two
    seen = {i["InstanceId"]: i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
    assert new not in seen
    assert (seen[ended]["State"]["Name"], seen[old]["Tags"]) == ("running", [{"Key": "k", "Value": "1"}])
    filters = [{"Name": "tag:k", "Values": ["1"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    (found,) = ec2.describe_instances(Filters=filters)["Reservations"]
    assert [instance["InstanceId"] for instance in found["Instances"]] == [old]
    with pytest.raises(ec2.exceptions.ClientError, match=r"InvalidInstanceID\.NotFound"):
        shown(ec2, new)
    ec2.terminate_instances(InstanceIds=[new])  # acting on what is not shown yet works
    bed.cloud.clear_faults()
    assert {shown(ec2, each)["State"]["Name"] for each in (new, ended)} <= {"shutting-down", "terminated"}
    assert shown(ec2, old)["Tags"] == [{"Key": "k", "Value": "2"}]


@pytest.mark.parametrize(("how", "raised"), [("503", "ClientError"), ("reset", "BotoCoreError")])
def test_the_api_is_lost_and_the_rest_goes_on(bed: Testbed, ec2: Any, how: str, raised: str) -> None:
    """For as long as it is down no call is answered or has an effect; instances, metadata and storage do not notice."""
    import botocore.exceptions

    options = {"HttpTokens": "required", "InstanceMetadataTags": "enabled"}
    (instance_id,) = launch(bed, ec2, MetadataOptions=options)
    bed.cloud.api_down(2.0, how)
    until_s = time.time() + 2.0
    with pytest.raises(getattr(botocore.exceptions, raised)):
        ec2.terminate_instances(InstanceIds=[instance_id])
    assert last_call(bed, "TerminateInstances")["outcome"] == "down"
    assert metadata(bed, instance_id, "instance-id") == (instance_id, 200)
    s3 = bed.cloud.client("s3", attempts=1)
    assert s3.list_buckets()["Buckets"] == []
    s3.close()
    assert time.time() < until_s
    time.sleep(max(0.0, until_s + 0.1 - time.time()))
    assert shown(ec2, instance_id)["State"]["Name"] == "running"


def test_a_crash_is_nobodys_news(bed: Testbed, ec2: Any) -> None:
    """The host is gone; the API, and the bill, go on as if it ran, until somebody terminates it."""
    (instance_id,) = launch(bed, ec2)
    bed.cloud.crash(instance_id)
    assert not (bed.folder / "run" / f"{instance_id}.json").exists()
    assert shown(ec2, instance_id)["State"]["Name"] == "running"
    ec2.terminate_instances(InstanceIds=[instance_id])
    until(lambda: truth(bed, instance_id)["state"] == "terminated")


def test_metadata_falls_silent(bed: Testbed, ec2: Any) -> None:
    """An instance that is cut off from IMDS gets no answer, and one again when it is let back."""
    (instance_id,) = launch(bed, ec2)
    bed.cloud.silence_metadata(instance_id)
    assert metadata(bed, instance_id, "instance-id")[1] == 0
    bed.cloud.silence_metadata()
    assert metadata(bed, instance_id, "instance-id") == (instance_id, 200)
