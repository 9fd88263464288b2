"""The house plan where no linter holds it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLATFORM = ROOT / "platform"
# They show that it never runs
PROVES_IT = {"tests/unit/test_layout.py", "tests/unit/node/test_local.py"} | {
    f"tests/unit/adapters/{name}.py" for name in ("ssh_site", "test_ssh_plan", "test_ssh_pool")
}
QUOTED = re.compile(r"`[^`]*`")
FORBIDDEN = re.compile(r"\bray\s+stop\b|\bpkill\b|\bkillall\b")


def imports_of(path: Path) -> Iterator[str]:
    """Absolute names of all that a file imports, whether at its top or within."""
    package = path.relative_to(PLATFORM).parent.parts if path.is_relative_to(PLATFORM) else ()
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            base = package[: len(package) - statement.level + 1] if statement.level else ()
            yield ".".join([*base, *((statement.module,) if statement.module else ())])


def test_platform_is_no_package() -> None:
    """platform/ holds one folder and no file: an __init__.py there would shadow Python's own `platform`."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "platform"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {Path(name).parts[1] for name in tracked} == {"spillover"}
    assert not (PLATFORM / "__init__.py").exists()
    there = {entry.name for entry in PLATFORM.iterdir()} - {"__pycache__"}
    assert {name for name in there if not name.endswith(".egg-info")} == {"spillover"}


def test_pythons_own_platform_is_the_one_imported() -> None:
    """With our source root first on the path, `import platform` still finds the standard library's."""
    code = "import platform; print(platform.__file__, platform.python_version())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(PLATFORM)},
    ).stdout
    assert str(ROOT / "platform") not in found


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_jobs_are_plain_ray(path: Path) -> None:
    """A job never imports spillover: it must run on a bare Ray cluster with nothing of ours on it."""
    assert [name for name in imports_of(path) if name.split(".")[0] == "spillover"] == []


@pytest.mark.parametrize("path", sorted((PLATFORM / "spillover/node").rglob("*.py")), ids=lambda p: p.name)
def test_node_uses_nothing_of_ours_outside_itself(path: Path) -> None:
    """What is shipped to nodes leans on the standard library, Ray and its own folder alone."""
    ours = [name for name in imports_of(path) if name.split(".")[0] == "spillover"]
    assert [name for name in ours if name not in {"spillover", ""} and not name.startswith("spillover.node")] == []


def without_comments(path: Path) -> str:
    """The text that runs: without comments, and for Python without the strings that stand alone as documentation."""
    text = path.read_text(errors="replace")
    if path.suffix == ".py":
        documentation = {
            node.body[0].value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
            and isinstance(node.body[0], ast.Expr)
        }
        strings = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        docs = {(d.lineno, d.col_offset) for d in documentation}
        return "\n".join(str(n.value) for n in strings if (n.lineno, n.col_offset) not in docs)
    return "\n".join(line.split("#")[0] for line in text.splitlines())


def test_nothing_ends_processes_by_name() -> None:
    """No tracked code, script or cluster file runs `ray stop`, `pkill` or `killall`: they end other people's clusters."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    suffixes = {".py", ".sh", ".yaml", ".yml", ".toml", ""}
    files = [ROOT / name for name in listed if Path(name).suffix in suffixes and name not in PROVES_IT]
    guilty = [
        str(f.relative_to(ROOT)) for f in files if f.is_file() and FORBIDDEN.search(QUOTED.sub("", without_comments(f)))
    ]
    assert guilty == []


def test_each_test_says_what_it_proves() -> None:
    """Every test of control, ledger, domain and adapters carries one sentence."""
    silent = []
    for folder in ("control", "ledger", "domain", "adapters"):
        for path in (ROOT / "tests/unit" / folder).glob("test_*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
                if is_test and not ast.get_docstring(node):
                    silent.append(f"{path.name}: {node.name}")
    assert silent == []
