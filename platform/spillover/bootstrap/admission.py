"""What must hold before a server starts, and who is let in first."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..adapters.state_folder import first_token_file, read_first_token, write_first_token
from ..config import Settings
from ..control.first_token import admit_first
from ..errors import SettingsError
from ..ports import Clock, Store


def check_removed_pools(store: Store, settings: Settings) -> None:
    """Refuse settings that forget a pool with nodes under lease: nobody would fold it. Raises SettingsError."""
    leased = {name for name, state in store.pool_states().items() if state.lease_id}
    forgotten = sorted(leased - set(settings.pools))
    if forgotten:
        raise SettingsError(
            [
                f"pools: '{name}' is not in the settings any more, but it still has nodes under lease; "
                f"put it back, and fold it with `spillover fold {name}`"
                for name in forgotten
            ]
        )


def admit_admin(store: Store, clock: Clock, settings: Settings) -> Path | None:
    """Let the administrator in, as a member of `defaults.team`. The file with the token; None if that was revoked."""
    folder = settings.state_dir
    write = partial(write_first_token, folder)
    admitted = admit_first(store, read_first_token(folder), write, settings.defaults.team, clock.now())
    return first_token_file(folder) if admitted else None
