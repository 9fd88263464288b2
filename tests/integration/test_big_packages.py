"""Working directories over Ray's own upload limit of 100 MiB, from the `ray` command line to a real cluster."""

import http.client as http_client
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster import Head, head
from embedded import wait_for
from server import Server, attached, http, serving

from sample import sampled

pytestmark = [pytest.mark.slow, sampled("test_big_packages")]

MIB = 2**20
CHECK = "import hashlib, sys; print('sha', hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"


class Place(NamedTuple):
    """A cluster, and Spillover in front of it."""

    cluster: Head
    spillover: Server


@pytest.fixture(scope="module")
def place(module_root: Path) -> Iterator[Place]:
    with head(module_root, cpus=2) as cluster:
        folder = module_root / "s"
        folder.mkdir()
        with serving(Server(folder, {"onprem": attached(cluster)}, packages={"limit": "130MiB"})) as spillover:
            wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
            yield Place(cluster, spillover)


def random_file(path: Path, size: int) -> str:
    """Bytes that no archive makes smaller. Returns their hash."""
    import hashlib

    path.parent.mkdir(parents=True, exist_ok=True)
    data = os.urandom(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def test_a_large_working_dir_reaches_the_cluster(place: Place, tmp_path: Path) -> None:
    """A working directory of 120 MiB is uploaded by `ray job submit` and fetched by the cluster by its signed link."""
    (tmp_path / "check.py").write_text(CHECK)
    want = random_file(tmp_path / "weights.bin", 120 * MIB)
    command = ("job", "submit", "--working-dir", str(tmp_path), "--submission-id", "large")
    done = place.spillover.ray(*command, "--", "python", "check.py", "weights.bin", timeout_s=200)
    assert done.code == 0, done.text
    assert f"sha {want}" in done.out
    there = http("GET", f"{place.cluster.address}/api/jobs/large", place.cluster.token).json
    link = there["runtime_env"]["working_dir"]
    assert link.startswith(f"{place.spillover.address}/api/spillover/v1/packages/")
    assert place.spillover.job("large")["runtime_env"]["working_dir"].startswith("gcs://"), "users see what they sent"

    start, _, name = link.rpartition("/")
    assert http("GET", f"{start}x/{name}", None).status == 404, "a forged link leads nowhere"
    assert http("GET", f"{place.spillover.address}/api/packages/gcs/{name}", None).status == 401, "only links are open"


def test_a_large_working_dir_keeps_its_only_folder(place: Place, tmp_path: Path) -> None:
    """A large working directory that holds one folder alone arrives as it was, though Ray unwraps archives from links."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "check.py").write_text(CHECK)
    want = random_file(tmp_path / "src" / "weights.bin", 101 * MIB)
    command = ("job", "submit", "--working-dir", str(tmp_path))
    done = place.spillover.ray(*command, "--", "python", "src/check.py", "src/weights.bin", timeout_s=200)
    assert done.code == 0, done.text
    assert f"sha {want}" in done.out


def test_an_upload_that_a_kill_cuts_off_leaves_nothing(place: Place) -> None:
    """Of an upload during which Spillover is killed no byte is kept, and the same upload works afterwards."""
    spillover = place.spillover
    url, token = "/api/packages/gcs/_ray_pkg_cut.zip", {"Authorization": f"Bearer {spillover.token}"}
    folder = spillover.state_dir / "packages"
    connection = http_client.HTTPConnection("127.0.0.1", spillover.port, timeout=30)
    try:
        connection.putrequest("PUT", url)
        for name, value in {**token, "Content-Length": str(8 * MIB)}.items():
            connection.putheader(name, value)
        connection.endheaders(bytes(4 * MIB))
        wait_for("a part to be there", lambda: any(part.stat().st_size for part in folder.glob("*/.*.part")))
        spillover.kill9()
    finally:
        connection.close()
    spillover.start()
    assert list(folder.glob("*/*cut*")) + list(folder.glob("*/.*")) == []
    assert http("GET", spillover.address + url, spillover.token).status == 404
    assert http("PUT", spillover.address + url, spillover.token, raw=bytes(8 * MIB)).status == 200
    assert http("GET", spillover.address + url, spillover.token).status == 200


def test_a_package_over_our_limit_is_refused(place: Place, tmp_path: Path) -> None:
    """A working directory over packages.limit is refused with its size, the limit and the setting to change."""
    random_file(tmp_path / "weights.bin", 140 * MIB)
    done = place.spillover.ray("job", "submit", "--working-dir", str(tmp_path), "--", "true", timeout_s=200)
    assert done.code == 1
    for part in ("413", "The package is 140", "over the limit of 130 MiB", "packages.limit", "excludes"):
        assert part in done.text, done.text
