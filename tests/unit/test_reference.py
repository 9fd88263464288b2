"""The reference is what the code says, and everything that people can write is in it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from spillover.cli.main import app
from spillover.config import schema
from spillover.control.metadata import KEYS, PREFIX
from spillover.gateway.own import ENDPOINTS
from spillover.placement.policies import describe, policy_names, policy_settings

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def generator() -> ModuleType:
    """docs/generate.py, which is a script and no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = generator().pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """Each page in docs/reference/ is what `make docs` would write now."""
    assert (ROOT / "docs/reference" / name).read_text() == PAGES[name], "run `make docs`"


def test_every_setting_is_described() -> None:
    """Each key of the settings has a meaning, and stands in the reference."""
    for title, model in schema.SECTIONS.items():
        for name, field in model.model_fields.items():
            assert field.description, f"{title}: {name}"
            assert f"| `{field.alias or name}` |" in PAGES["settings.md"]


def test_every_command_and_option_is_described() -> None:
    """Each command has a help, each option of it too, and all stand in the reference."""
    for name, command in commands(get_command(app), "spillover"):
        assert command.help, name
        assert f"`{name}" in PAGES["command-line.md"]
        for option in command.params:
            assert getattr(option, "help", "") or option.name == "help", f"{name}: {option.name}"


def commands(command: object, name: str) -> Iterator[tuple[str, object]]:
    """A command and those below it."""
    yield name, command
    for sub_name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, f"{name} {sub_name}")


def test_every_key_of_metadata_is_described() -> None:
    """What a user can say about a job stands in the reference and on the page about submitting, each with its meaning."""
    submitting = (ROOT / "docs/how-to/submit-jobs.md").read_text()
    for key, (_, meaning) in KEYS.items():
        assert f"| `{PREFIX}{key}` | {meaning} |" in PAGES["metadata.md"]
        assert f"/{key}`" in submitting


def test_every_policy_is_described() -> None:
    """Each policy says what it does, and each of its settings what it means."""
    for name in policy_names():
        assert describe(name)
        assert f"## `{name}`" in PAGES["policies.md"]
        assert all(setting.meaning for setting in policy_settings(name))


def test_every_call_is_described() -> None:
    """Each call of the own API stands in the reference."""
    for endpoint in ENDPOINTS:
        assert f"## `{endpoint.method} {endpoint.path}`" in PAGES["api.md"]


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link of a page to another file finds it."""
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []
