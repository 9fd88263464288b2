"""Raises, folds and lists one Ray cluster, in a process of its own, since Ray's launcher keeps process globals.

    python -m spillover.adapters.launcher_child up|down|nodes CONFIG.yaml [--no-restart] [--parent PID]

Ray's chatter goes to stderr. The last and only line on stdout is JSON:
`{"ok": true, "head_ip": ..., "nodes": [{"id", "ip", "type", "kind", "tags"}]}` or `{"ok": false, "error": "..."}`.

It dies with its parent and takes its commands along. `--no-restart` leaves a head that is there as it is,
even one on which Ray never came up (Ray cannot tell): if the cluster does not answer afterwards, raise it
again without.
"""

import argparse
import ctypes
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock
from ray.autoscaler import sdk
from ray.autoscaler._private import commands
from ray.autoscaler._private.providers import _get_node_provider
from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

LOCK_TIMEOUT_S = 900
GROUP_GRACE_S = 3.0
TEARDOWN_POLL_S = 0.5
_PR_SET_PDEATHSIG = 1
_ERROR_CHARS = 300

# Ray sets a node up in a thread, and then says no more than "Failed to setup head node"
_thread_errors: list[BaseException] = []


def main(arguments: list[str]) -> int:
    """Do one action, print one line, return the exit status."""
    options = _parse(arguments)
    _die_with_parent(options.parent)
    threading.excepthook = lambda hook: _thread_errors.append(hook.exc_value or SystemExit())
    with _stdout_kept() as out:
        answer = _answer(options)
        out.write(json.dumps(answer) + "\n")
    return 0 if answer["ok"] else 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launcher_child")
    parser.add_argument("action", choices=["up", "down", "nodes"])
    parser.add_argument("config", type=Path)
    parser.add_argument("--no-restart", action="store_true")
    parser.add_argument("--parent", type=int)
    return parser.parse_args(arguments)


def _answer(options: argparse.Namespace) -> dict[str, Any]:
    try:
        if options.action == "up":
            return {"ok": True, **_up(options.config, no_restart=options.no_restart)}
        if options.action == "down":
            return {"ok": True, **_down(options.config)}
        return {"ok": True, "head_ip": None, "nodes": _nodes(options.config)}
    except (Exception, SystemExit) as error:  # the line on stdout is the caller's only answer, whatever went wrong
        return {"ok": False, "error": "; ".join(map(_one_line, [error, *_thread_errors]))}


def _up(config: Path, *, no_restart: bool) -> dict[str, Any]:
    with _alone(config):
        # Without the cache: it would serve a config as resolved for a cluster that is long gone
        sdk.create_or_update_cluster(str(config), no_restart=no_restart, no_config_cache=True)
        return {"head_ip": sdk.get_head_node_ip(str(config)), "nodes": _nodes(config)}


def _down(config: Path) -> dict[str, Any]:
    with _alone(config):
        commands.POLL_INTERVAL = TEARDOWN_POLL_S  # Ray sleeps 5 s before it looks whether the nodes are gone
        sdk.teardown_cluster(str(config))
        return {"head_ip": None, "nodes": _nodes(config)}


def _nodes(config: Path) -> list[dict[str, Any]]:
    cluster = yaml.safe_load(config.read_text())
    # Not Ray's cached provider: that one would answer for the configuration of an earlier call
    provider = _get_node_provider(cluster["provider"], cluster["cluster_name"], use_cache=False)
    address = provider.internal_ip if cluster["provider"].get("use_internal_ips") else provider.external_ip
    found = []
    for node_id in provider.non_terminated_nodes({}):
        tags = provider.node_tags(node_id)
        names = {"type": tags.get(TAG_RAY_USER_NODE_TYPE, ""), "kind": tags.get(TAG_RAY_NODE_KIND, "worker")}
        found.append({"id": node_id, "ip": address(node_id), **names, "tags": dict(tags)})
    return found


def _one_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or ["no text"])[0]
    # Of a command that failed, its last words say more than its exit status
    last_words = str(getattr(error, "stderr", None) or "").strip().splitlines()[-1:]
    return ": ".join([type(error).__name__, text[:_ERROR_CHARS], *last_words])


@contextmanager
def _alone(config: Path) -> Iterator[None]:
    """One launcher at a time for a pool, with temporary files that no later run finds."""
    folder = config.with_name(f"{config.name}.tmp")
    with FileLock(f"{config}.lock", timeout=LOCK_TIMEOUT_S):
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        folder.mkdir(mode=0o700)
        # `tempdir`, and not TMPDIR: some of Ray's providers keep their state in a folder named after that
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = None
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stdout_kept() -> Iterator[Any]:
    """Send all that is printed, by Ray and by commands that it starts, to stderr."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        yield out


def _die_with_parent(parent: int | None) -> None:
    signal.signal(signal.SIGTERM, _end_group)
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def _end_group(_number: int, _frame: object) -> None:
    """Commands that run now are in our process group: end them, then ourselves."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    until = time.monotonic() + GROUP_GRACE_S
    while time.monotonic() < until and _has_children():
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


def _has_children() -> bool:
    try:
        # Only look: to whoever waits for a child that we reaped, it would seem to have ended well
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
