"""What code made the figures."""

from __future__ import annotations

import subprocess
from pathlib import Path


def code_commit() -> str | None:
    """The commit of the checkout that this code is in, `+` behind it if files differ from it; None outside of one."""
    here = Path(__file__).resolve().parent
    try:
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        inside = _git(here, "ls-files", Path(__file__).name)
        changed = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return (commit + ("+" if changed else "")) if inside else None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
