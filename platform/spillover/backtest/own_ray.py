"""A Ray cluster on this machine that lives as long as a sweep."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STORE_BYTES = 100 * 1024 * 1024
_MODE, _TOKEN, _TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


@contextmanager
def own_ray(workers: int) -> Iterator[None]:
    """A Ray with its own folder and token, gone afterwards whatever happens. RAY_ADDRESS is not asked.

    Where this process has a Ray already, as in a notebook, that one is used, and left as it is.
    """
    import ray  # noqa: PLC0415  # three quarters of a second

    if ray.is_initialized():
        yield
        return
    folder = tempfile.mkdtemp(prefix="spill-")
    with _own_token():
        try:
            ray.init(
                address="local",
                num_cpus=workers,
                num_gpus=0,
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
                _temp_dir=folder,
            )
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own_token() -> Iterator[None]:
    """Nobody else on this machine may run code in it, and Ray need not write a token into the user's home."""
    before = {name: os.environ.pop(name, None) for name in (_MODE, _TOKEN, _TOKEN_FILE)}
    os.environ |= {_MODE: "token", _TOKEN: secrets.token_hex(32)}
    _forget()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        _forget()


def _forget() -> None:
    """Ray's clients in this process keep the token that they saw first."""
    from ray._raylet import (  # type: ignore[attr-defined]  # compiled  # noqa: PLC0415
        AuthenticationTokenLoader,
        Config,
    )

    AuthenticationTokenLoader.instance().reset_cache()
    Config.initialize("")
