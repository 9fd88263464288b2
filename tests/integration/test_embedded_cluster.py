"""One real cluster made of processes, from `ray up` to the last process."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from embedded import dashboard, embedded_config, get, layout_of, short_root, wait_for

from spillover.adapters.ray_launcher import RayLauncher, write_config
from spillover.errors import LauncherError
from spillover.node import processes
from spillover.node.local import LocalNodeProvider, end_cluster

pytestmark = pytest.mark.slow

JOB = """
import os
import ray
ray.init()
@ray.remote(num_cpus=1)
def where():
    return ray.util.get_node_ip_address()
print("ran on", ray.get(where.remote()))
import later  # the worker has unpacked the working directory meanwhile
print(later.WORDS, os.getcwd())
"""


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with short_root() as folder:
        (folder / "home").mkdir()
        monkeypatch.setenv("HOME", str(folder / "home"))
        yield folder


@pytest.fixture
def config(root: Path) -> dict[str, Any]:
    return embedded_config(root)


@pytest.fixture
def path(root: Path, config: dict[str, Any]) -> Path:
    write_config(config, root / "pool.yaml", max_workers=1)
    return root / "pool.yaml"


def submit(config: dict[str, Any], folder: Path, token_path: Path | None) -> subprocess.CompletedProcess[str]:
    (folder / "job").mkdir(exist_ok=True)
    (folder / "job" / "where.py").write_text(JOB)
    (folder / "job" / "later.py").write_text('WORDS = "still in"')
    login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_path)} if token_path else {}
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    ray = str(Path(sys.executable).parent / "ray")
    command = [ray, "job", "submit", "--address", dashboard(config), "--working-dir", str(folder / "job")]
    return subprocess.run(
        [*command, "--", "python", "where.py"],
        env=clean | login,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def workers(provider: LocalNodeProvider) -> list[str]:
    return provider.non_terminated_nodes({"ray-node-type": "worker"})


def test_a_cluster_lives_from_up_to_down(root: Path, config: dict[str, Any], path: Path) -> None:
    """A cluster comes up closed to strangers, runs a job on a worker that it raises and folds, and leaves nothing."""
    launcher, log, layout = RayLauncher(), root / "up.log", layout_of(config)
    provider = LocalNodeProvider(config["provider"], config["cluster_name"])

    raised = asyncio.run(launcher.raise_cluster(path, no_restart=False, log_path=log))
    assert [(node.kind, node.type, node.ip) for node in raised.nodes] == [("head", "head", raised.head_ip)]
    assert raised.head_ip == f"{config['provider']['net']}.1"

    token = layout.token_file.read_text()
    assert layout.token_file.stat().st_mode & 0o077 == 0
    assert get(f"{dashboard(config)}/api/version", None)[0] == 401
    assert get(f"{dashboard(config)}/api/version", "another")[0] == 403
    status, version = get(f"{dashboard(config)}/api/version", token)
    assert status == 200

    assert submit(config, root, None).returncode != 0
    assert workers(provider) == []
    done = submit(config, root, layout.token_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ran on {config['provider']['net']}.2" in done.stdout
    assert "still in /" in done.stdout
    assert len(workers(provider)) == 1

    nodes = get(f"{dashboard(config)}/api/v0/nodes?detail=1", token)[1]["data"]["result"]["result"]
    labels = next(node["labels"] for node in nodes if not node["is_head_node"])
    assert labels["ray.io/node-group"] == "worker"
    assert labels["spillover.dev/market"] == "owned"

    # A new cap reaches the running head without a restart of Ray
    write_config(config, path, max_workers=0)
    asyncio.run(launcher.raise_cluster(path, no_restart=True, log_path=log))
    assert get(f"{dashboard(config)}/api/version", token) == (200, version)

    wait_for("the idle worker to be folded", lambda: not workers(provider))
    assert asyncio.run(launcher.fold(path, log)) == []
    assert processes.find([layout.mark]) == []
    assert not layout.token_file.exists()


def test_a_head_that_died_is_listed_until_it_is_folded(root: Path, config: dict[str, Any], path: Path) -> None:
    """Of a head whose processes were all killed the provider says that it is there, until it is folded."""
    launcher, log, layout = RayLauncher(), root / "up.log", layout_of(config)
    asyncio.run(launcher.raise_cluster(path, no_restart=False, log_path=log))
    for _ in range(3):
        for process in processes.find([layout.mark]):
            with contextlib.suppress(ProcessLookupError):  # one that ends takes others along
                os.kill(process.pid, signal.SIGKILL)
    wait_for("the head to be dead", lambda: not processes.find([layout.mark]))
    assert len(asyncio.run(launcher.nodes(path))) == 1
    assert asyncio.run(launcher.fold(path, log)) == []


def test_a_cancelled_launch_leaves_no_process(root: Path, config: dict[str, Any], path: Path) -> None:
    """A launch that is cancelled in the middle takes its commands along, and what it made can be folded."""
    launcher, log, layout = RayLauncher(), root / "up.log", layout_of(config)

    async def cut_off() -> None:
        launch = asyncio.create_task(launcher.raise_cluster(path, no_restart=False, log_path=log))
        while not processes.find([layout.mark]):
            assert not launch.done()
            await asyncio.sleep(0.05)
        launch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launch

    asyncio.run(cut_off())
    wait_for("the commands to be gone", lambda: not processes.find([layout.mark]), timeout_s=10)
    assert len(asyncio.run(launcher.nodes(path))) == 1
    assert asyncio.run(launcher.fold(path, log)) == []


def test_a_launcher_dies_with_its_parent(root: Path, config: dict[str, Any], path: Path) -> None:
    """When the server is killed, the launch that it had under way ends too."""
    config["head_start_ray_commands"] = ["sleep 300"]
    write_config(config, path, max_workers=1)
    layout = layout_of(config)
    code = f"""
import asyncio, pathlib
from spillover.adapters.ray_launcher import RayLauncher
asyncio.run(RayLauncher().raise_cluster(pathlib.Path({str(path)!r}), no_restart=False, log_path=pathlib.Path("/dev/null")))
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_for("the launch to be under way", lambda: bool(processes.find([layout.mark])))
    parent.kill()
    parent.wait()
    wait_for("its command to end", lambda: not processes.find([layout.mark]), timeout_s=15)
    end_cluster(root, config["cluster_name"])


def test_a_launch_that_fails_says_why(root: Path, config: dict[str, Any], path: Path) -> None:
    """The error of a failed launch names the cause and the log."""
    config["head_start_ray_commands"] = ["echo no luck today >&2; false"]
    write_config(config, path, max_workers=1)
    with pytest.raises(LauncherError, match=r"no luck today.*up\.log"):
        asyncio.run(RayLauncher().raise_cluster(path, no_restart=False, log_path=root / "up.log"))
