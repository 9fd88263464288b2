"""Settings of jobs: a YAML file, `key=value`, frozen dataclasses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEFINITIONS = '''
"""What a tea is."""
from __future__ import annotations
from dataclasses import dataclass, field
from common.settings import AtLeast, Choice, Workers, said

@dataclass(frozen=True)
class Pot:
    size: int = said(4, "cups", AtLeast(1))
    lid: bool = said(True, "on or off")
    leaves: tuple[str, ...] = said(("green",), "what is in it")
    steps: list[int] = said([1, 2], "of brewing")
    range: tuple[float, float] = said((80.0, 90.0), "degrees")

    def check(self) -> None:
        if self.size < len(self.leaves):
            raise ValueError(f"{len(self.leaves)} kinds of leaves need as many cups, not {self.size}")

@dataclass(frozen=True)
class Settings:
    name: str = said("tea", "of the brew")
    rate: float = said(0.5, "of pouring")
    workers: Workers = said(Workers(2, 2), "who pour")
    kind: str = said("black", "of tea", Choice("black", "white"))
    resources: dict[str, float] = field(default_factory=dict, metadata={"help": "besides"})
    pot: Pot = field(default_factory=Pot)

    def check(self) -> None:
        if self.workers.most > self.pot.size:
            raise ValueError(f"{self.workers} workers find only {self.pot.size} cups")
'''


@pytest.fixture
def load_tea(load: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    settings = load("common.settings")
    module = ModuleType("tea_settings")
    monkeypatch.setitem(sys.modules, "tea_settings", module)
    exec(DEFINITIONS, module.__dict__)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea" / "settings").mkdir(parents=True)
    return lambda *argv: settings.load(module.Settings, list(argv), tmp_path / "tea" / "settings")


@pytest.fixture
def mistakes(load_tea: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """The lines that are printed for these arguments."""

    def lines(*argv: str) -> list[str]:
        with pytest.raises(SystemExit) as exit_:
            load_tea(*argv)
        assert exit_.value.code == 2
        *said, last = capsys.readouterr().err.splitlines()
        count = "1 mistake" if len(said) == 1 else f"{len(said)} mistakes"
        assert last == f"failed: {count} in the settings; --help prints all that there are"
        return said

    return lines


def write(text: str, name: str = "default") -> None:
    Path(f"tea/settings/{name}.yaml").write_text(text)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(load_tea: Any) -> None:
    """Each key comes from the last place that names it, and the others stay."""
    write("name: file\npot:\n  size: 6\n  lid: off\n")
    found = load_tea("pot.size=8", "resources.burst=1")
    assert (found.name, found.pot.size, found.pot.lid, found.rate) == ("file", 8, False, 0.5)
    assert found.resources == {"burst": 1.0}


def test_values_are_of_the_type_that_is_declared(load_tea: Any) -> None:
    """Tuples, lists, truths, whole numbers and ranges of workers are read from YAML's words."""
    found = load_tea(
        "workers=1:4", "pot.leaves=[a, no]", "pot.steps=[3]", "pot.range=[1,2.5]", "rate=2", "pot.size=1e1"
    )
    assert (found.workers.fewest, found.workers.most, found.workers.is_elastic, found.workers.range) == (
        1,
        4,
        True,
        (1, 4),
    )
    assert load_tea("workers=3").workers.range == 3
    assert (found.pot.leaves, found.pot.steps, found.pot.range) == (("a", "no"), [3], (1.0, 2.5))
    assert (found.rate, found.pot.size) == (2.0, 10)
    assert isinstance(found.rate, float)
    assert isinstance(found.pot.size, int)


@pytest.mark.parametrize("text", ["007", "1:30", "on", "s3://b/c?x=http%3A%2F%2F1&y=2", "*", "", "3: 4"])
def test_a_text_stays_as_it_was_typed(load_tea: Any, text: str) -> None:
    """What YAML would take for a number, a truth or a mistake is a text where a text is meant."""
    if text == "3: 4":
        text = "'3: 4'"  # YAML's own quotes help where it sees a mapping
    assert load_tea(f"name={text}").name == text.strip("'")


def test_the_same_goes_for_a_file(load_tea: Any) -> None:
    """YAML reads 1:30 as 90, in base 60; here it is from one to thirty workers."""
    write("name: 1e3\nworkers: 1:30\npot: {size: 30}\n")
    found = load_tea()
    assert (found.name, str(found.workers)) == ("1e3", "1:30")


@pytest.mark.parametrize("name", ["big", "big.yaml", "tea/settings/big.yaml", "./tea/settings/big.yaml"])
def test_a_file_is_found_by_its_name_or_path(load_tea: Any, name: str) -> None:
    """A bare name is looked up in the job's folder, and takes the place of the default file."""
    write("name: small\nrate: 1\n")
    write("name: big\n", "big")
    found = load_tea(name)
    assert (found.name, found.rate) == ("big", 0.5)


def test_interpolation_is_omegaconfs(load_tea: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables and other settings can be named, those that are left at their default too."""
    monkeypatch.setenv("CUPS", "12")
    write("name: ${kind}-${rate}\npot:\n  size: ${oc.env:CUPS}\n")
    found = load_tea()
    assert (found.name, found.pot.size) == ("black-0.5", 12)


def test_an_empty_group_leaves_its_defaults(load_tea: Any) -> None:
    """A group of which all lines are comments is as if it were not there."""
    write("pot:\n  # size: 3\n")
    assert load_tea().pot.size == 4


def test_all_mistakes_are_named_at_once(mistakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mistake has its place, its key, the value and what would be right."""
    monkeypatch.delenv("NOPE", raising=False)
    write("rte: 1\npot:\n  size: four\n  lid: perhaps\n  leaves: green\n  range: [1]\n")
    file = "tea/settings/default.yaml"
    assert mistakes("kind=blck", "workers=4:1", "size=3", "name=${oc.env:NOPE}", "resources.cpu=much", "rate=[1]") == [
        f"{file}:1: rte: there is no such setting; did you mean 'rate'?",
        "command line: size: there is no such setting; did you mean 'pot.size'?",
        "command line: name: Environment variable 'NOPE' not found",
        "command line: rate: [1] is not a single value, such as 0.5",
        "command line: workers: '4:1' does not read like 2, or like 1:4 for at least one and at most four",
        "command line: kind: 'blck' is none of black, white; did you mean 'black'?",
        "command line: resources.cpu: 'much' is not a number",
        f"{file}:3: pot.size: 'four' is not a whole number, such as 4",
        f"{file}:4: pot.lid: 'perhaps' is neither true nor false",
        f"{file}:5: pot.leaves: 'green' is not a list, such as [a, b]",
        f"{file}:6: pot.range: [1] has 1 items: there must be 2",
    ]


def test_a_name_is_looked_for_near_before_far(mistakes: Any) -> None:
    """What is spelled alike in the same group is meant rather than what is elsewhere."""
    assert "did you mean 'pot.leaves'?" in mistakes("pot.leafs=[a]")[0]
    assert "did you mean 'pot'?" in mistakes("pott.size=1")[0]
    assert "did you mean 'pot.leaves'?" in mistakes("leafs=[a]")[0]


@pytest.mark.parametrize("value", ["1.5", "yes", "", "null"])
def test_a_whole_number_is_nothing_else(mistakes: Any, value: str) -> None:
    """A fraction is not rounded, and neither a truth nor nothing is a number."""
    assert "is not a whole number, such as 4" in mistakes(f"pot.size={value}")[0]


def test_an_unknown_name_without_a_likeness_lists_what_there_is(mistakes: Any) -> None:
    """Where nothing is spelled alike, all names of that group are shown."""
    there_are = "there are pot.size, pot.lid, pot.leaves, pot.steps, pot.range"
    assert mistakes("pot.zzz=1") == [f"command line: pot.zzz: there is no such setting; {there_are}"]
    assert mistakes("pot=1") == [f"command line: pot: 1 is not a group of settings; {there_are}"]


def test_the_checks_of_groups_are_mistakes_too(mistakes: Any) -> None:
    """What a dataclass says of its values is shown with the places that they come from."""
    write("pot:\n  leaves: [a, b]\n")
    file = "tea/settings/default.yaml"
    assert mistakes("pot.size=1") == [
        f"{file}:1 and command line: pot: 2 kinds of leaves need as many cups, not 1",
    ]
    assert mistakes("workers=5") == [f"{file} and command line: 5 workers find only 4 cups"]
    assert mistakes("pot.size=0") == ["command line: pot.size: 0 is too small: at least 1"]


def test_dashes_are_explained(mistakes: Any) -> None:
    """Whoever writes options as elsewhere is shown how the same is written here."""
    assert mistakes("--rate", "3", "--pot.size=5") == [
        "command line: '--rate': settings are written key=value, without dashes: rate=3",
        "command line: '--pot.size=5': settings are written key=value, without dashes: pot.size=5",
    ]


def test_an_unknown_file_lists_those_that_exist(mistakes: Any) -> None:
    """The message names the folder, its files, and the one that is spelled alike."""
    write("", "large")
    write("", "small")
    there_are = "tea/settings has large, small; did you mean 'large'?"
    assert mistakes("lrge") == [f"command line: there is no settings file 'lrge'; {there_are}"]
    assert "there can be one settings file, not large, small" in mistakes("large", "small")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\npot: [\n", ":3: cannot be read: expected the node content, but found '<stream end>'"),
        ("rate: 1\nrate: 2\n", ":2: cannot be read: found duplicate key rate"),
        ("- 1\n", ":1: cannot be read: it must hold `key: value` lines"),
    ],
)
def test_a_file_that_is_no_settings_file(mistakes: Any, text: str, message: str) -> None:
    """Broken YAML, a key twice and a list are refused with the line."""
    write(text)
    assert mistakes() == [f"tea/settings/default.yaml{message}"]


def test_help_shows_every_setting(load_tea: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Each key stands with its value as it would be now, its help, and what is allowed."""
    write("rate: 0.7\n")
    with pytest.raises(SystemExit) as exit_:
        load_tea("pot.leaves=[a,b]", "--help")
    lines = capsys.readouterr().out.splitlines()
    assert exit_.value.code == 0
    assert "What a tea is." in lines
    assert any("tea/settings (default)" in line for line in lines)
    assert f"  {'rate=0.7':42}  of pouring" in lines
    assert f"  {'kind=black':42}  of tea (black | white)" in lines
    assert lines[lines.index("pot") + 1 :] == [
        f"  {'pot.size=4':42}  cups (at least 1)",
        f"  {'pot.lid=true':42}  on or off",
        f"  {'pot.leaves=[a,b]':42}  what is in it",
        f"  {'pot.steps=[1,2]':42}  of brewing",
        f"  {'pot.range=[80.0,90.0]':42}  degrees",
    ]


def test_a_text_that_must_be_set_says_so(load: Callable[[str], Any], tmp_path: Path, capsys: Any) -> None:
    """The default ??? stands for a value that only the user knows."""
    settings = load("common.settings")
    module = ModuleType("must_settings")
    sys.modules["must_settings"] = module
    text = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Settings:\n    name: str = said('???', 'x')\n"
    exec(text, module.__dict__ | {"said": settings.said}, module.__dict__)
    del sys.modules["must_settings"]
    with pytest.raises(SystemExit):
        settings.load(module.Settings, [], tmp_path)
    assert "default: name: it must be set" in capsys.readouterr().err
    assert settings.load(module.Settings, ["name=x"], tmp_path).name == "x"


def test_language_model_settings_have_help_for_all(load: Callable[[str], Any]) -> None:
    """No setting of the language model is left without a line of help."""
    fields, lm = load("common.fields"), load("lm.settings")

    def unsaid(cls: type) -> list[str]:
        below = [name for _, kind in fields.kinds(cls) if fields.is_group(kind) for name in unsaid(kind)]
        return below + [f.name for f, kind in fields.kinds(cls) if not fields.is_group(kind) and not f.metadata["help"]]

    assert unsaid(lm.Settings) == []


def test_reading_settings_imports_neither_ray_nor_torch(load: Callable[[str], Any]) -> None:
    """A driver starts fast: what it cannot read costs it no second."""
    jobs = Path(load("common.settings").__file__).parents[1]
    script = "import sys; import common.settings; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], cwd=jobs, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"ray", "torch", "pyarrow"}
    assert "omegaconf" in done.stdout.split()
