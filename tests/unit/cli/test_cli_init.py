"""`spillover init` from the outside: what it writes passes `spillover check`, or nothing is written."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "checkup"))
from fake_dashboard import Dashboard, nobody, node, serving

from spillover.config import load_settings, template
from spillover.errors import SpilloverError

GPU = {"CPU": 32.0, "GPU": 4.0, "memory": 100.4 * 2**30, "accelerator_type:A100": 1.0}
HEAD = node("a", {"memory": 1e10}, head=True)
PRICE = ("--price-usd-per-hour", "1.25")


@contextmanager
def running(dashboard: Dashboard) -> Iterator[str]:
    """The dashboard in a thread of its own: the command has an event loop already."""
    started, done = threading.Event(), []

    async def serve() -> None:
        async with serving(dashboard) as address:
            stop = asyncio.Event()
            done.extend([address, asyncio.get_running_loop(), stop])
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(10)
    address, loop, stop = done
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to write in, and a home whose path is short enough for Ray's sockets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/tmp")
    return tmp_path


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_starting_set_passes_the_check(bare, here):
    """Two commented files, without a finding, and the next commands to type."""
    result = bare("init")
    assert result.exit_code == 0
    assert written(here) == ["clusters/embedded.yaml", "spillover.yaml"]
    assert "Wrote spillover.yaml and clusters/embedded.yaml." in result.stdout
    assert "\n  spillover check\n  spillover up\n" in result.stdout
    assert (here / "spillover.yaml").read_text() == template().read_text()
    checked = bare("check")
    assert (checked.exit_code, checked.stdout) == (0, "spillover.yaml is fine: 1 pool, policy threshold.\n")


def test_another_folder_is_made_and_named(bare, here):
    """DIR may not be there yet, and the next commands say where the settings are."""
    result = bare("init", "deep/er")
    assert written(here) == ["deep/er/clusters/embedded.yaml", "deep/er/spillover.yaml"]
    assert "  spillover check -c deep/er/spillover.yaml\n" in result.stdout
    assert bare("check", "-c", "deep/er/spillover.yaml").exit_code == 0


@pytest.mark.parametrize("there", ["spillover.yaml", "clusters/embedded.yaml"])
def test_what_is_there_is_never_overwritten(there, bare, here):
    """A file that exists is named, stays as it is, and nothing is written beside it."""
    (here / "clusters").mkdir()
    (here / there).write_text("mine")
    result = bare("init")
    assert result.exit_code == 1
    assert result.stderr == f"{there} exists: nothing was written. Name another folder.\n"
    assert written(here) == [there]
    assert (here / there).read_text() == "mine"


def test_a_link_that_leads_nowhere_is_something_that_is_there(bare, here):
    """Writing through a dangling link would make a file somewhere else."""
    (here / "spillover.yaml").symlink_to(here / "elsewhere")
    assert bare("init").exit_code == 1
    assert not (here / "elsewhere").exists()


def test_nothing_is_written_half(bare, here):
    """If the second file cannot be written, the first is taken back."""
    (here / "clusters").write_text("a file where the folder should be")
    result = bare("init")
    assert result.exit_code == 1
    assert "nothing was written" in result.stderr
    assert written(here) == ["clusters"]


def test_a_home_that_is_too_deep_for_sockets_is_not_used(bare, here, monkeypatch):
    """Where `~/.spillover` is too long a path for Ray's sockets, the cluster lies below /tmp, and the check passes."""
    monkeypatch.setenv("HOME", "/home/" + "x" * 40)
    private = Path(f"/tmp/spillover-{os.getuid()}")
    before = private.exists()
    assert bare("init").exit_code == 0
    assert yaml.safe_load((here / "clusters/embedded.yaml").read_text())["provider"]["root"] == str(private)
    assert bare("check", "state_dir=/tmp/x").exit_code == 0
    if not before:
        private.rmdir()


def test_a_folder_that_others_can_enter_is_not_used(here):
    """Tokens lie below the cluster's root, so one below /tmp must be private from the start."""
    from spillover.cli.init_local import _private

    assert _private(here / "new").stat().st_mode & 0o777 == 0o700
    assert _private(here / "new") == here / "new"
    (here / "open").mkdir(mode=0o755)
    with pytest.raises(SpilloverError, match="open to others"):
        _private(here / "open")


def test_ports_that_are_taken_are_left_alone(bare, here, monkeypatch):
    """If something listens where the template would put the cluster, it goes elsewhere."""
    from spillover.cli import init_local

    base = yaml.safe_load((template().parent / "clusters/embedded.yaml").read_text())["provider"]["port_base"]
    monkeypatch.setattr(init_local, "_is_free", lambda port: not base <= port < base + 400)
    bare("init")
    found = yaml.safe_load((here / "clusters/embedded.yaml").read_text())["provider"]["port_base"]
    assert abs(found - base) >= 400


def test_only_the_place_differs_from_the_template(bare, here):
    """The cluster YAML keeps its comments and commands, and is what `ray up` of the template would raise."""
    bare("init")
    ours, theirs = (
        (here / "clusters/embedded.yaml").read_text(),
        (template().parent / "clusters/embedded.yaml").read_text(),
    )
    differ = [new for new, old in zip(ours.splitlines(), theirs.splitlines(), strict=True) if new != old]
    assert all(line.split(":")[0].strip() in {"port_base", "root", "net"} for line in differ)


@pytest.mark.parametrize("argument", [("--with-burst",), PRICE, ("--token-file", "t")])
def test_what_belongs_to_attach_is_refused_without_it(argument, bare, here):
    """An option that would do nothing is not taken silently."""
    result = bare("init", *argument)
    assert result.exit_code == 2
    assert "go with --attach URL" in result.stderr
    assert written(here) == []


def test_the_price_of_an_own_node_is_never_assumed(bare, here):
    """Without a price nobody is asked, and the message says what it is for; zero is taken only if it is written."""
    result = bare("init", "--attach", nobody())
    assert result.exit_code == 2
    assert (
        "--price-usd-per-hour is required with --attach: what one node of your cluster costs you an hour"
        in result.stderr
    )
    assert "write --price-usd-per-hour 0" in result.stderr
    with running(Dashboard(HEAD, node("b", GPU))) as address:
        assert bare("init", "--attach", address, "--price-usd-per-hour", "0").exit_code == 0
    assert load_settings("spillover.yaml").pools["onprem"].node_types["gpu4-cpu32"].price_usd_per_hour == 0
    assert bare("init", "x", "--attach", nobody(), "--price-usd-per-hour", "-1").exit_code == 2


def test_an_attached_pool_is_what_the_cluster_has(bare, here):
    """Shapes, counts, labels and the price are written, and the check against the live cluster finds nothing."""
    zone = {"ray.io/availability-zone": "z1"}
    nodes = [node(i, {**GPU, "memory": (100 + n) * 2.0**30}, **zone, rack=i) for n, i in enumerate("bcd")]
    small = [node(i, {"CPU": 8.0}, **{"ray.io/node-group": "ray.worker.default"}) for i in "ef"]
    with running(Dashboard(HEAD, *small, *nodes)) as address:
        result = bare("init", "--attach", address, *PRICE)
        assert result.exit_code == 0, result.stderr
        checked = bare("check")
    assert checked.stdout.startswith("spillover.yaml is fine: 1 pool, policy threshold; onprem answers with 6 nodes")
    pool = load_settings("spillover.yaml").pools["onprem"]
    assert (pool.kind, pool.role, pool.address, pool.head_price_usd_per_hour) == ("attached", "baseline", address, 1.25)
    gpu, cpu = pool.node_types["gpu4-cpu32"], pool.node_types["ray.worker.default"]
    assert list(pool.node_types) == ["gpu4-cpu32", "ray.worker.default"], "the most numerous first"
    assert gpu.resources == {"CPU": 32, "GPU": 4, "memory": 100 * 2**30, "accelerator_type:A100": 1}
    assert (gpu.max_nodes, gpu.market, gpu.price_usd_per_hour, gpu.labels) == (3, "owned", 1.25, zone)
    assert (cpu.resources, cpu.max_nodes, cpu.labels) == ({"CPU": 8}, 2, {})
    assert "3 x CPU 32, GPU 4, accelerator_type:A100 1, memory 100 GiB; 2 x CPU 8" in result.stdout


def test_a_head_that_works_is_priced_as_a_node(bare, here):
    """A cluster of one machine is one node of the price, and nothing is paid for it a second time as a head."""
    with running(Dashboard(node("a", {"CPU": 4.0}, head=True))) as address:
        assert bare("init", "--attach", address, *PRICE).exit_code == 0
        assert bare("check").exit_code == 0
    pool = load_settings("spillover.yaml").pools["onprem"]
    assert (pool.head_price_usd_per_hour, pool.node_types["cpu4"].max_nodes) == (0, 1)


def test_a_cluster_without_cpus_is_asked_for_what_it_has(bare, here):
    """The assumed demand is something that the cluster can hold."""
    with running(Dashboard(HEAD, node("b", {"tape": 0.5}))) as address:
        assert bare("init", "--attach", address, *PRICE).exit_code == 0
        assert bare("check").exit_code == 0
    assert load_settings("spillover.yaml").defaults.demand == "1x{tape:0.5}"


def test_a_burst_pool_to_try_stands_ready_as_a_comment(bare, here):
    """Without --with-burst the block is there to be uncommented, and its cluster YAML lies beside it."""
    with running(Dashboard(HEAD, node("b", GPU))) as address:
        assert bare("init", "--attach", address, *PRICE).exit_code == 0
        text = (here / "spillover.yaml").read_text()
        block = text[text.index("  # cloud:") :]
        (here / "spillover.yaml").write_text(text.replace(block, re.sub(r"^  # ", "  ", block, flags=re.MULTILINE)))
        checked = bare("check")
    assert checked.stdout.startswith("spillover.yaml is fine: 2 pools")
    assert (here / "clusters/embedded.yaml").is_file()


def test_with_burst_a_local_pool_is_there_to_try(bare, here):
    """It is priced above the owned nodes, soon used, and has a name and a network apart from the attached cluster."""
    at_home = node("b", GPU) | {"node_ip": "127.0.11.2"}
    with running(Dashboard(HEAD, at_home)) as address:
        result = bare("init", "--attach", address, *PRICE, "--with-burst")
        checked = bare("check")
    assert checked.stdout.startswith("spillover.yaml is fine: 2 pools")
    settings = load_settings("spillover.yaml")
    burst = settings.pools["cloud"]
    assert (burst.role, burst.node_types["worker"].price_usd_per_hour) == ("burst", 2.5)
    assert "1 job older than 30s" in settings.policy.settings["rules"]
    cluster = yaml.safe_load(burst.cluster.read_text())
    assert (cluster["cluster_name"], cluster["provider"]["net"]) == ("cloud", "127.0.12")
    assert '--metadata-json \'{"spillover/pools": "cloud"}\'' in result.stdout


def test_a_token_is_taken_from_its_file(bare, here):
    """The file is named in the settings, relative where it lies below them; the token itself is not."""
    (here / "secrets").mkdir()
    (here / "secrets/t").write_text("s3cret\n")
    with running(Dashboard(HEAD, node("b", GPU), token="s3cret")) as address:
        result = bare("init", "--attach", address, *PRICE, "--token-file", "secrets/t")
        assert result.exit_code == 0, result.stderr
        assert bare("check").exit_code == 0
        assert bare("init", "other", "--attach", address, *PRICE, "--token-file", "secrets/t").exit_code == 0
    assert "    token_file: secrets/t " in (here / "spillover.yaml").read_text()
    assert f"    token_file: {here}/secrets/t " in (here / "other/spillover.yaml").read_text()
    assert "s3cret" not in (here / "spillover.yaml").read_text()


def test_the_token_that_rays_clients_would_send_is_tried(bare, here, monkeypatch):
    """Ray's own token file is used where the cluster asks for a token, and said to be."""
    monkeypatch.setenv("HOME", str(here))
    (here / ".ray").mkdir()
    (here / ".ray/auth_token").write_text("s3cret")
    with running(Dashboard(HEAD, node("b", GPU), token="s3cret")) as address:
        result = bare("init", "x", "--attach", address, *PRICE)
    assert "It asks for a token, and takes the one in ~/.ray/auth_token." in result.stdout
    assert "    token_file: ~/.ray/auth_token " in (here / "x/spillover.yaml").read_text()


def test_a_token_is_not_sent_where_none_is_asked_for(bare, here, monkeypatch):
    """A cluster that is open gets no token to read, and the settings name none."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(here / "t"))
    (here / "t").write_text("s3cret")
    with running(Dashboard(HEAD, node("b", GPU))) as address:
        assert bare("init", "--attach", address, *PRICE).exit_code == 0
    assert load_settings("spillover.yaml").pools["onprem"].token_file is None


@pytest.mark.parametrize(
    ("token", "arguments", "said"),
    [
        (None, (), "asks for a token. Write the token into a file, and say --token-file FILE."),
        ("guess", (), "asks for a token. It does not accept the one in"),
        ("guess", ("--token-file", "t"), "does not accept the token in t."),
        ("", ("--token-file", "t"), "t is empty: the cluster's token belongs into it."),
        (None, ("--token-file", "t"), "t cannot be read: No such file or directory"),
    ],
)
def test_a_cluster_that_refuses_leaves_nothing_behind(token, arguments, said, bare, here, monkeypatch):
    """Each way to fail says what to do, and writes nothing."""
    if token is not None:
        (here / "t").write_text(token)
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(here / "t"))
    with running(Dashboard(HEAD, node("b", GPU), token="s3cret")) as address:
        result = bare("init", "out", "--attach", address, *PRICE, *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not (here / "out").exists()


def test_what_cannot_be_attached_says_why(bare, here):
    """Nobody there, no dashboard, no URL, no nodes: each has its own message, and nothing is written."""
    assert "does not answer: Cannot connect" in bare("init", "--attach", nobody(), *PRICE).stderr
    assert "'ray://x:1' is no URL of a Ray dashboard" in bare("init", "--attach", "ray://x:1", *PRICE).stderr
    other = Dashboard()
    other.texts["/api/version"] = (200, "<html>")
    with running(other) as address:
        assert "answers, but is no Ray dashboard" in bare("init", "--attach", address, *PRICE).stderr
    with running(Dashboard(HEAD)) as address:
        assert "has no node now that could run work" in bare("init", "--attach", address, *PRICE).stderr
    assert written(here) == []


def test_a_url_may_leave_its_scheme_out(bare, here):
    """HOST:PORT is taken as http, as Ray's clients do."""
    with running(Dashboard(HEAD, node("b", GPU))) as address:
        assert bare("init", "--attach", address.removeprefix("http://"), *PRICE).exit_code == 0
    assert load_settings("spillover.yaml").pools["onprem"].address == address
