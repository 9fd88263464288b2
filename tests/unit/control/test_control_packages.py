"""Packages: kept per tenant, pinned, collected when nothing refers to them; links to them are signed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from world import ALICE, BOB, ROOT, World, attached, running_world

from spillover.control.links import LIFE_S, Links
from spillover.domain.access import Caller
from spillover.errors import BadRequest, NotFound, PackageTooLarge

pytestmark = pytest.mark.asyncio

URI = "gcs://_ray_pkg_0123456789abcdef.zip"


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def put(world: World, caller: Caller = ALICE, uri: str = URI, data: bytes = b"zip") -> None:
    await world.control.service.put_package(caller, uri, chunks(data), len(data))


def on_disk(world: World) -> list[Path]:
    return [path for path in (world.folder / "packages").glob("**/*") if path.is_file()]


async def collect(world: World) -> None:
    await world.control.loop._packages.collect()


async def test_package_is_pinned_for_ten_minutes(tmp_path: Path) -> None:
    """A yes to `does it exist` keeps the package for ten minutes more; then it goes, from disk too."""
    async with running_world(tmp_path) as world:
        await put(world)
        world.clock.advance(599)
        await collect(world)
        assert await world.control.service.package_exists(ALICE, URI)
        world.clock.advance(599)
        await collect(world)
        assert len(on_disk(world)) == 1
        world.clock.advance(2)
        await collect(world)
        assert on_disk(world) == []
        assert not await world.control.service.package_exists(ALICE, URI)


async def test_package_is_kept_while_a_live_job_refers_to_it(tmp_path: Path) -> None:
    """As working_dir or py_module of a job that has not ended a package stays, however long; then it is collected."""
    async with running_world(tmp_path) as world:
        other = "gcs://_ray_pkg_other.zip"
        await put(world)
        await put(world, uri=other)
        await world.submit("j1", env={"working_dir": URI, "py_modules": [other]})
        await world.control.service.stop(ALICE, "j1")
        world.clock.advance(10_000)
        await collect(world)
        assert len(on_disk(world)) == 2
        await world.tick()
        assert world.job("j1").status == "stopped"
        world.clock.advance(1000)
        await collect(world)
        assert on_disk(world) == []


async def test_package_pinned_while_others_are_collected_stays(tmp_path: Path) -> None:
    """The collection never takes a package that a client was just told is here."""
    async with running_world(tmp_path) as world:
        await put(world)
        world.clock.advance(601)
        core, listed = world.control.core, asyncio.Event()
        db = core.db

        async def slow(call: Callable[..., Any], *args: Any) -> Any:
            found = await db(call, *args)
            if call == world.store.idle_packages:
                listed.set()
                for _ in range(20):
                    await asyncio.sleep(0)
            return found

        core.db = slow  # type: ignore[method-assign]
        collecting = asyncio.create_task(collect(world))
        await listed.wait()
        said = await world.control.service.package_exists(ALICE, URI)
        await collecting
        assert said is bool(on_disk(world))


async def test_tenants_packages_are_apart(tmp_path: Path) -> None:
    """The same name from two users is two packages, and neither sees the other's."""
    async with running_world(tmp_path) as world:
        await put(world, ALICE, data=b"alice's")
        assert not await world.control.service.package_exists(BOB, URI)
        with pytest.raises(BadRequest, match=f"Package {URI} does not exist. Upload it first"):
            await world.submit("j1", caller=ROOT, env={"working_dir": URI})
        await put(world, BOB, data=b"bob's")
        assert sorted(path.read_bytes() for path in on_disk(world)) == [b"alice's", b"bob's"]


@pytest.mark.parametrize("hint", [None, 5000])
async def test_too_large_package_is_refused_and_nothing_is_kept(tmp_path: Path, hint: int | None) -> None:
    """Told beforehand or found while writing: the refusal names size, limit and setting, and no part stays on disk."""
    async with running_world(tmp_path, package_limit_bytes=2048) as world:
        with pytest.raises(PackageTooLarge) as refused:
            await world.control.service.put_package(ALICE, URI, chunks(b"x" * 2000, b"x" * 3000), hint)
        assert refused.value.text.startswith("The package is 4.883 KiB or more, over the limit of 2 KiB.")
        assert "packages.limit" in refused.value.text
        assert on_disk(world) == []
        assert not await world.control.service.package_exists(ALICE, URI)


async def test_broken_upload_leaves_nothing(tmp_path: Path) -> None:
    """A package is there when it is whole, or not at all."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    async with running_world(tmp_path) as world:
        with pytest.raises(ConnectionResetError):
            await world.control.service.put_package(ALICE, URI, broken(), None)
        assert on_disk(world) == []


@pytest.mark.parametrize(
    "uri",
    ["gcs://../../x.zip", "gcs://.hidden", "s3://a.zip", "gcs://", "gcs://a/b", "gcs://a\nb", "gcs://" + "x" * 300],
)
async def test_name_that_is_no_package_is_refused(tmp_path: Path, uri: str) -> None:
    """Names that could lead elsewhere on disk are refused."""
    async with running_world(tmp_path) as world:
        with pytest.raises(BadRequest, match="is no package name"):
            await put(world, uri=uri)
        with pytest.raises(BadRequest, match="is no package name"):
            await world.control.service.package_exists(ALICE, uri)


async def test_package_goes_to_the_pool_once(tmp_path: Path) -> None:
    """The pool gets the package before the job, and not again for the next job."""
    async with running_world(tmp_path, attached()) as world:
        await put(world)
        dc = world.clusters["dc"]
        await world.running("j1", "dc", env={"working_dir": URI})
        assert dc.packages == {URI: b"zip"}
        dc.packages[URI] = b"known"
        await world.running("j2", "dc", env={"working_dir": URI})
        assert dc.packages == {URI: b"known"}
        assert dc.runs["j2"].request.runtime_env == {"working_dir": URI}


async def test_package_over_rays_limit_goes_as_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package over Ray's own limit is handed over as a signed address that ends in its name and gives its bytes."""
    monkeypatch.setattr("spillover.control.sending.RAY_LIMIT_BYTES", 10)
    async with running_world(tmp_path, attached()) as world:
        await put(world, data=b"more than ten")
        await put(world, uri="gcs://small.zip", data=b"small")
        await world.running("j1", "dc", env={"working_dir": URI, "py_modules": [URI, "gcs://small.zip"]})
        env = world.clusters["dc"].runs["j1"].request.runtime_env
        link = env["working_dir"]
        assert link.startswith("http://127.0.0.1:7265/api/spillover/v1/packages/")
        assert link.endswith("/" + URI.removeprefix("gcs://"))
        assert env["py_modules"] == [link, "gcs://small.zip"]
        assert list(world.clusters["dc"].packages) == ["gcs://small.zip"]
        assert world.job("j1").request.runtime_env["working_dir"] == URI
        middle = link.split("/")[-2]
        assert world.control.service.linked_package(middle).read_bytes() == b"more than ten"
        world.clock.advance(LIFE_S + 1)
        with pytest.raises(NotFound, match="This link is too old"):
            world.control.service.linked_package(middle)


async def test_forged_links_are_refused(tmp_path: Path) -> None:
    """Any change to a link, and a link of another installation, is refused as not ours, whatever bytes it is made of."""
    async with running_world(tmp_path) as world:
        await put(world)
        good = Links(world.control.core, b"k" * 32).make("alice", URI).split("/")[-2]
        other = Links(world.control.core, b"x" * 32).make("alice", URI).split("/")[-2]
        body, _, signature = good.partition(".")
        forged = [other, body, f"{body}.", f".{signature}", f"{body}x.{signature}", f"{body}.{signature[::-1]}", ""]
        forged += ["é.é", "日本.語", "a.b.c", f"{body}.{hashlib.sha256(body.encode()).hexdigest()}", "\ud800.\ud800"]
        for link in forged:
            with pytest.raises(NotFound, match="not one of ours"):
                world.control.service.linked_package(link)
        assert world.control.service.linked_package(good).exists()


async def test_link_to_a_collected_package(tmp_path: Path) -> None:
    """A good link to a package that is gone says that it is gone."""
    async with running_world(tmp_path) as world:
        link = Links(world.control.core, b"k" * 32).make("alice", URI).split("/")[-2]
        with pytest.raises(NotFound, match="This package is gone"):
            world.control.service.linked_package(link)


async def test_job_whose_package_is_gone_from_disk_fails_with_that_reason(tmp_path: Path) -> None:
    """A folder that somebody emptied by hand is named in the job's message."""
    async with running_world(tmp_path, attached()) as world:
        await put(world)
        await world.submit("j1", env={"working_dir": URI})
        for path in on_disk(world):
            path.unlink()
        await world.tick(3)
        assert world.job("j1").message == f"package {URI} is gone from the package folder; submit the job again"
