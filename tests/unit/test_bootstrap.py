"""Putting the platform together."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.clock import RealClock
from spillover.adapters.sql_store import SqlStore
from spillover.adapters.state_folder import sole_owner
from spillover.bootstrap import admit_admin, check_removed_pools
from spillover.config import Settings, load_settings
from spillover.control.service import token_hash
from spillover.domain.pool import PoolState, PoolStatus
from spillover.errors import SettingsError, SpilloverError

SETTINGS = """
state_dir: state
defaults: {demand: "1x{CPU:1}"}
teams: {default: {may_burst: true}}
pools:
  onprem:
    kind: attached
    role: baseline
    address: http://127.0.0.1:1
    head_price_usd_per_hour: 0
    node_types:
      worker: {market: owned, price_usd_per_hour: 0.2, resources: {CPU: 2}, max_nodes: 1}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "spillover.yaml"
    file.write_text(SETTINGS)
    return load_settings(file, environ={})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore.in_folder(tmp_path / "state")
    yield store
    store.close()


def test_leased_pool_cannot_be_removed(settings: Settings, store: SqlStore) -> None:
    """Settings that no longer name a pool with a lease are refused: nobody would fold it."""
    state = PoolState("cloud", status=PoolStatus.UP, lease_id="l1")
    store.save_pool(state)
    with pytest.raises(SettingsError, match=r"pools: 'cloud' .* nodes under lease; .*spillover fold cloud"):
        check_removed_pools(store, settings)
    store.save_pool(replace(state, status=PoolStatus.DOWN, lease_id=None))
    check_removed_pools(store, settings)


def test_state_folder_has_one_owner(tmp_path: Path) -> None:
    """A second Spillover on the same state folder is refused with the folder's name."""
    with sole_owner(tmp_path), pytest.raises(SpilloverError, match=str(tmp_path)), sole_owner(tmp_path):
        pass


def test_admin_is_of_the_default_team(settings: Settings, store: SqlStore) -> None:
    """The first token is its owner's alone to read, stays the same, and acts for the setting `defaults.team`."""
    defaults = settings.defaults.model_copy(update={"team": "search"})
    of_search = settings.model_copy(update={"defaults": defaults})
    file = admit_admin(store, RealClock(), of_search)
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text()
    assert admit_admin(store, RealClock(), of_search).read_text() == token
    caller = store.caller_of(token_hash(token))
    assert caller is not None
    assert (caller.user, caller.team, caller.role) == ("admin", "search", "admin")
