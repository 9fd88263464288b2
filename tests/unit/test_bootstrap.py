"""Putting the platform together."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.clock import RealClock
from spillover.adapters.sql_store import SqlStore
from spillover.adapters.state_folder import sole_owner, write_first_token, write_server_file
from spillover.bootstrap.admission import admit_admin, check_removed_pools
from spillover.bootstrap.settings import control_settings, make_named_policy, make_shadow_policy
from spillover.client.connect import find_server
from spillover.config import Policy, Settings, load_settings
from spillover.control.tokens import token_hash
from spillover.domain.access import Caller, Role, Token
from spillover.domain.pool import PoolState, PoolStatus
from spillover.errors import SettingsError, SpilloverError
from spillover.ports import Event

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
    assert file is not None
    assert file.stat().st_mode & 0o777 == 0o600
    secret = file.read_text()
    assert admit_admin(store, RealClock(), of_search) == file
    assert file.read_text() == secret
    token = store.token(token_hash(secret))
    assert token is not None
    assert token.caller == Caller("admin", "search", Role.ADMIN)


def test_a_revoked_first_token_is_not_told(settings: Settings, store: SqlStore) -> None:
    """A start after the first token was revoked names no token file, and leaves what lies there alone."""
    file = admit_admin(store, RealClock(), settings)
    assert file is not None
    secret = file.read_text()
    store.add_token(Token("t2", "h", Caller("dora", "default", Role.ADMIN), 1.0, "admin"))
    store.revoke_token("first", 2.0, Event(2.0, "dora", "token:first", "revoked"))
    assert admit_admin(store, RealClock(), settings) is None
    assert file.read_text() == secret


def test_server_file_leads_the_command_line_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a start writes down is where `spillover` finds address, token and the certificate to trust."""
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray keeps a token of its own there, for whoever uses it without us
    monkeypatch.setenv("SPILLOVER__state_dir", str(tmp_path))
    write_first_token(tmp_path, "secret")
    write_server_file(tmp_path, "https://h", "https://h", tmp_path / "token", tmp_path / "cert.pem")
    found = find_server(None)
    assert (found.address, found.told, found.token) == ("https://h", "https://h", "secret")
    assert found.ca_file == str(tmp_path / "cert.pem")
    write_server_file(tmp_path, "http://127.0.0.1:7265", "https://ray.example.com")
    found = find_server(None)
    assert (found.address, found.told) == ("http://127.0.0.1:7265", "https://ray.example.com")
    assert (found.token, found.ca_file) == (None, None)


def test_a_second_policy_is_made_like_the_first(settings: Settings) -> None:
    """There is none unless it is named; a mistake in it names its own key; moves and its pace reach control."""
    assert make_shadow_policy(settings) is None
    other = Policy.model_validate({"name": "threshold", "rules": [[2, 30]]})
    named = settings.model_copy(update={"shadow_policy": other, "shadow_every_s": 3.0, "move_cooldown_s": 60.0})
    shadow = make_shadow_policy(named)
    assert shadow is not None
    assert shadow != make_named_policy(named)
    assert (control_settings(named).shadow_every_s, control_settings(named).move_cooldown_s) == (3.0, 60.0)
    wrong = settings.model_copy(update={"shadow_policy": Policy.model_validate({"name": "threshold", "rules": []})})
    with pytest.raises(SettingsError, match="shadow_policy: rules are"):
        make_shadow_policy(wrong)
