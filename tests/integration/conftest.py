"""Fixtures that several modules share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import short_root


@pytest.fixture(autouse=True, scope="session")
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray writes tokens and settings into HOME, and its clients read addresses from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        # Ray keeps SSH connections open in /tmp by user, cluster and address: test beds share none with each other
        patch.setenv("LOGNAME", f"tests-{os.getpid()}")
        for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_JOB_HEADERS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def module_root() -> Iterator[Path]:
    """One short folder for the clusters of a module."""
    with short_root() as root:
        yield root


@pytest.fixture
def root() -> Iterator[Path]:
    """A short folder for the clusters of one test."""
    with short_root() as folder:
        yield folder
