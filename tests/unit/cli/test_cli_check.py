"""`spillover check` from the outside."""

import json
import subprocess
import sys

import pytest
import yaml

from spillover.config import template

_TOO_MUCH = "is more than $500: is it the price of one hour, in dollars?"

SETTINGS = """\
defaults: {demand: '1x{CPU:1}'}
teams: {default: {may_burst: false}}
pools:
  a:
    kind: attached
    role: baseline
    address: http://127.0.0.1:1
    head_price_usd_per_hour: 0
    node_types:
      w: {market: owned, price_usd_per_hour: 0, resources: {CPU: 1}, max_nodes: 1}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with right settings, where the command is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spillover.yaml").write_text(SETTINGS)
    return tmp_path


def test_right_settings_are_fine(bare, here):
    """Without a finding one line says so, with the pools and the policy, and the exit code is 0."""
    result = bare("check", "--offline")
    assert (result.exit_code, result.stdout) == (0, "spillover.yaml is fine: 1 pool, policy threshold.\n")


def test_every_mistake_is_a_line_and_the_exit_code_is_2(bare, here):
    """Findings go to stdout, counted in the last line; overrides are checked as `up` would take them."""
    (here / "spillover.yaml").write_text(SETTINGS.replace("price_usd_per_hour: 0,", "price_usd_per_hour: 900,"))
    result = bare("check", "--offline", "polcy=never", "tick=soon")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        "command line: polcy: unknown key; did you mean 'policy'?",
        "command line: tick: value 'soon': is no duration; write seconds, or '90s', '10min', '2h', '1d'",
        "spillover.yaml:10: warning: pools.a.node_types.w.price_usd_per_hour: value '900': " + _TOO_MUCH,
        "2 mistakes, 1 warning.",
    ]


def test_warnings_alone_are_no_failure(bare, here):
    """A warning leaves the exit code at 0, and the summary says that the settings can be used."""
    (here / "spillover.yaml").write_text(SETTINGS.replace("max_nodes: 1", "max_nodes: 0, labels: {}"))
    result = bare("check", "--offline", "defaults.demand=1x{CPU:9}")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "2 warnings; spillover.yaml can be used: 1 pool, policy threshold."


def test_attached_clusters_are_asked_unless_offline(bare, here):
    """A cluster that does not answer is a mistake, and `--offline` asks nobody."""
    result = bare("check")
    assert result.exit_code == 2
    assert "spillover.yaml:7: pools.a.address: value 'http://127.0.0.1:1': does not answer: " in result.stdout
    assert result.stdout.endswith("\n1 mistake.\n")
    assert bare("check", "--offline").exit_code == 0


def test_json_is_a_list_of_findings(bare, here):
    """`--json` prints one object a finding, an empty list if there is none, and keeps the exit code."""
    result = bare("check", "--json", "--offline", "policy=nver")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == [
        {
            "severity": "mistake",
            "file": "command line",
            "line": None,
            "path": "policy.name",
            "value": "nver",
            "text": "is no policy",
            "did_you_mean": "never",
        }
    ]
    assert json.loads(bare("check", "--json", "--offline").stdout) == []


def test_settings_that_are_not_there(bare, here):
    """A missing file is a finding like others, with the way to one."""
    result = bare("check", "-c", "nope.yaml")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        "nope.yaml: there is no such settings file; `spillover init` writes one to start from",
        "1 mistake.",
    ]


def test_what_a_cluster_yaml_says_wrong_has_its_own_line(bare, here):
    """The cluster YAML is named as the settings name it."""
    cluster = (template().parent / "clusters" / "embedded.yaml").read_text().replace("~/.spillover", "/tmp/sp0")
    (here / "clusters").mkdir()
    (here / "clusters" / "c.yaml").write_text(cluster.replace("max_workers: 2 ", "max_worker: 2 ", 1))
    settings = yaml.safe_load(SETTINGS)
    launched = {"kind": "launched", "role": "baseline", "cluster": "clusters/c.yaml", "head_price_usd_per_hour": 0}
    settings["pools"]["b"] = launched | {"node_types": {"worker": {"market": "owned", "price_usd_per_hour": 1}}}
    (here / "spillover.yaml").write_text(yaml.safe_dump(settings))
    result = bare("check", "--offline")
    assert result.stdout.splitlines()[:1] == [
        "clusters/c.yaml:5: max_worker: unknown key; did you mean 'max_workers'?",
    ]


def test_commands_that_need_no_settings_load_nothing_heavy():
    """The version and the commands that talk to a server read no settings, and load no Ray, schema or table."""
    code = (
        "import sys; from spillover.cli.main import app\n"
        "try:\n    app(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'spillover.config', 'jsonschema', 'ray', 'rich', 'omegaconf', 'aiohttp', 'yaml'} & set(sys.modules)))"
    )
    for arguments in (["--version"], ["queue", "--address", "http://127.0.0.1:1"]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]", arguments
