"""What is accepted, what is refused, and what the refusal says."""

from pathlib import Path

import pytest
from world import ALICE, BOB, ROOT, attached, burst, open_fast, running_world

from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import SubmitRequest
from spillover.errors import BadRequest, DuplicateJob, Forbidden

pytestmark = pytest.mark.asyncio


async def test_answer_is_durable(tmp_path: Path) -> None:
    """Once submit has answered, a store opened anew on the same file has the job, its audit entry and its demand."""
    async with running_world(tmp_path) as world:
        await world.submit("j1", workers="2x{CPU:1}", priority="high", resumable="true")
        other = open_fast(tmp_path)
        job = other.job("j1")
        assert job is not None
        assert (job.user, job.team, job.priority, job.hints.resumable) == ("alice", "search", 100, True)
        assert str(job.demand) == "2x{CPU:1}"
        assert [(e.actor, e.text) for e in other.events("j1")] == [
            ("alice", "submitted, needs 2x{CPU:1} (declared by spillover/workers)")
        ]
        other.close()


async def test_id_is_made_where_none_is_sent(tmp_path: Path) -> None:
    """A job without an id gets one as Ray makes them."""
    async with running_world(tmp_path) as world:
        made = await world.control.service.submit(ALICE, None, SubmitRequest("python a.py"))
        assert made.startswith("raysubmit_")
        assert len(made) == 26


async def test_duplicate_id_is_refused_even_after_deletion(tmp_path: Path) -> None:
    """An id is used once for all time: the row of a deleted job stays behind as a tombstone."""
    async with running_world(tmp_path) as world:
        await world.submit("j1")
        with pytest.raises(DuplicateJob, match="Job with submission_id j1 already exists"):
            await world.submit("j1")
        await world.control.service.stop(ALICE, "j1")
        await world.tick()
        assert await world.control.service.delete(ALICE, "j1")
        assert world.store.job("j1") is None
        with pytest.raises(DuplicateJob):
            await world.submit("j1")


@pytest.mark.parametrize(
    ("key", "near"), [("wrokers", "workers"), ("max_runtime", "max-runtime"), ("Resumable", "resumable"), ("zz", "")]
)
async def test_unknown_key_is_refused_with_the_nearest(tmp_path: Path, key: str, near: str) -> None:
    """An unknown `spillover/` key is refused, and the nearest known one is named."""
    async with running_world(tmp_path) as world:
        request = SubmitRequest("python a.py", {}, {f"spillover/{key}": "1", "mine": "kept"})
        with pytest.raises(BadRequest) as refused:
            await world.control.service.submit(ALICE, "j1", request)
        assert f"unknown metadata key 'spillover/{key}'; did you mean 'spillover/{near}" in refused.value.text
        assert world.store.jobs() == []


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("workers", "4xGPU", "'4xGPU' is no gang"),
        ("workers", "0x{CPU:1}", "asks for nothing"),
        ("workers", "1x{CPU:-1}", "'CPU:-1' in '1x{CPU:-1}' is no resource"),
        ("workers", "1x{CPU:inf}", "'CPU:inf' in '1x{CPU:inf}' is no resource"),
        ("workers", "1x{CPU:nan}", "'CPU:nan' in '1x{CPU:nan}' is no resource"),
        ("runtime", "soon", "'soon'"),
        ("max-runtime", "0s", "'0s' is no time at all"),
        ("deadline", "tomorrow", "'tomorrow'"),
        ("priority", "urgent", "'urgent' is not a priority; write low, normal, high"),
        ("priority", "1001", "'1001' is not a priority"),
        ("pools", " , ", "it is empty; leave the key out instead"),
        ("markets", "spot,free", "'free' is not a market; there are owned, on_demand, spot"),
        ("resumable", "yes", "'yes' is neither 'true' nor 'false'"),
    ],
)
async def test_wrong_value_is_named(tmp_path: Path, key: str, value: str, says: str) -> None:
    """A value that cannot be read is refused, with its key and the value in the text."""
    async with running_world(tmp_path) as world:
        with pytest.raises(BadRequest) as refused:
            await world.submit("j1", **{key: value})
        assert refused.value.text.startswith(f"metadata spillover/{key}: ")
        assert says in refused.value.text


async def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    """Three mistakes give one refusal with three clauses."""
    async with running_world(tmp_path) as world:
        with pytest.raises(BadRequest) as refused:
            await world.submit("j1", workers="x", priority="y", tem="z")
        assert len(refused.value.text.split("; ")) >= 3
        assert all(key in refused.value.text for key in ("spillover/workers", "spillover/priority", "spillover/tem'"))


async def test_job_that_fits_no_pool_is_refused_with_reasons(tmp_path: Path) -> None:
    """A job that no pool could ever run is refused, and each pool says why."""
    async with running_world(tmp_path, attached(), burst()) as world:
        with pytest.raises(BadRequest) as refused:
            await world.submit("j1", workers="1x{GPU:8}")
        assert (
            "No pool can ever run this job, which needs 1x{GPU:8} (declared by spillover/workers)."
            in refused.value.text
        )
        assert "dc: needs a node with {GPU:8}; the largest of pool 'dc' is {GPU:0}" in refused.value.text
        assert "cloud: needs a node with {GPU:8}" in refused.value.text


async def test_team_that_may_not_burst_is_told_so(tmp_path: Path) -> None:
    """A job that only a rented pool could run is refused to a team that may not burst."""
    async with running_world(tmp_path, burst()) as world:
        with pytest.raises(BadRequest, match="cloud: team 'ads' may not burst; 'cloud' is a burst pool"):
            await world.submit("j1", caller=BOB)


async def test_team_must_be_in_the_settings(tmp_path: Path) -> None:
    """A team that the settings do not know is refused, with those that they do."""
    async with running_world(tmp_path) as world:
        with pytest.raises(BadRequest, match="team 'sales' is not in the settings; there are ads, search"):
            await world.submit("j1", caller=ROOT, team="sales")


async def test_team_is_checked_against_the_token(tmp_path: Path) -> None:
    """A user cannot submit for another team; an administrator can."""
    async with running_world(tmp_path) as world:
        with pytest.raises(
            Forbidden, match="Forbidden: your token is of team 'ads': it cannot submit for team 'search'"
        ):
            await world.submit("j1", caller=BOB, team="search")
        await world.submit("j2", caller=ROOT, team="ads")
        assert world.job("j2").team == "ads"


async def test_demand_comes_from_the_best_source(tmp_path: Path) -> None:
    """Bundles win over the entrypoint's resources, these over what was seen, that over the default."""
    async with running_world(tmp_path) as world:
        service = world.control.service
        await world.submit("j1", workers="2x{CPU:2}")
        await service.submit(ALICE, "j2", SubmitRequest("python a.py", entrypoint_num_cpus=2))
        world.store.record_observed("search", "python a.py", world.job("j1").demand, 1.0)
        await service.submit(ALICE, "j3", SubmitRequest("python a.py"))
        await service.submit(ALICE, "j4", SubmitRequest("python b.py"))
        assert [(str(world.job(j).demand), world.job(j).demand_source) for j in ("j1", "j2", "j3", "j4")] == [
            ("2x{CPU:2}", "declared by spillover/workers"),
            ("driver {CPU:2}", "the entrypoint's own resources"),
            ("2x{CPU:2}", "what the same entrypoint was last seen to use"),
            ("1x{CPU:1}", "the settings' defaults.demand"),
        ]


async def test_no_two_submit_times_are_alike(tmp_path: Path) -> None:
    """Submit order is the order of the queue, even within one tick of the clock."""
    async with running_world(tmp_path) as world:
        for number in range(5):
            await world.submit(f"j{number}")
        times = [job.submitted_at for job in world.store.jobs()]
        assert times == sorted(set(times))
        assert [job.submission_id for job in world.store.jobs()] == [f"j{n}" for n in range(5)]


async def test_embedded_store_syncs_every_commit(tmp_path: Path) -> None:
    """The store that ships waits for the disk: write-ahead log, synchronous=FULL."""
    store = SqlStore.in_folder(tmp_path)
    with store._read() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()
