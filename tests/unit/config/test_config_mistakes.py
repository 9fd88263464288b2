import pytest

from spillover.config import load_settings
from spillover.errors import SettingsError

WORKER = "worker: {market: owned, price_usd_per_hour: 0.2}"

# (what is replaced in the settings, by what, the one mistake that follows); lines are those of conftest's SETTINGS.
ONE_MISTAKE = [
    ("defaults:", "polcy: x\ndefaults:", "s.yaml:1: polcy: unknown key; did you mean 'policy'?"),
    ("defaults:", "startup: 1s\ndefaults:", "s.yaml:1: startup: unknown key"),
    ("may_burst: true", "may_brst: true", "s.yaml:2: teams.default.may_brst: unknown key; did you mean 'may_burst'?"),
    ("may_burst: true", "", "s.yaml:2: teams.default.may_burst: is required: whether the team's jobs may leave"),
    ("may_burst: true", "may_burst: perhaps", "teams.default.may_burst: value 'perhaps': must be true or false"),
    ("default:", "search:", "s.yaml:2: teams: 'default' is missing: the account of jobs that name no team"),
    ("1x{CPU:1}", "one CPU", "s.yaml:1: defaults.demand: value 'one CPU': is no gang; write bundles such as '1x{CPU:1}'"),
    ("1x{CPU:1}", "2x{CPU:0}", "s.yaml:1: defaults.demand: value '2x{CPU:0}': is no gang"),
    ('demand: "1x{CPU:1}"', "", "s.yaml:1: defaults.demand: is required: what a job needs that does not say"),
    ('1x{CPU:1}"', '1x{CPU:1}", team: dfault', "s.yaml:1: defaults.team: value 'dfault': is none of the teams; did you mean 'default'?"),
    ("defaults:", "tick: 0\ndefaults:", "s.yaml:1: tick: value '0': must be more than 0"),
    ("defaults:", "tick: soon\ndefaults:", "s.yaml:1: tick: value 'soon': is no duration; write seconds, or '90s'"),
    ("defaults:", "packages: {limit: 2 gigs}\ndefaults:", "s.yaml:1: packages.limit: value '2 gigs': is no size"),
    ("defaults:", "on_overuse: wran\ndefaults:", "s.yaml:1: on_overuse: value 'wran': must be 'warn' or 'stop'; did you mean 'warn'?"),
    ("defaults:", "max_attempts: 0\ndefaults:", "s.yaml:1: max_attempts: value '0': must be 1 or more"),
    ("defaults:", "max_attempts: 1.5\ndefaults:", "s.yaml:1: max_attempts: value '1.5': must be a whole number"),
    ("defaults:", "listen:\n  port: 99999\ndefaults:", "s.yaml:2: listen.port: value '99999': must be 65535 or less"),
    ("defaults:", "listen: here\ndefaults:", "s.yaml:1: listen: value 'here': must be a mapping of keys to values"),
    ("defaults:", "policy: {rules: []}\ndefaults:", "s.yaml:1: policy.name: is required"),
    ("defaults:", "tick: 1s\ntick: 2s\ndefaults:", "s.yaml:2: tick: is written twice, here and in line 1"),
    ("role: baseline", "role: ${nope}", "s.yaml:6: pools.onprem.role: Interpolation key 'nope' not found"),
    ("role: baseline", "role: ???", "s.yaml:6: pools.onprem.role: Missing mandatory value: pools.onprem.role"),
    ("onprem:", "On:Prem:", "s.yaml:4: pools.On:Prem: value 'On:Prem': is no name for a pool: write small letters"),
    ("kind: launched", "kind: lanched", "s.yaml:5: pools.onprem.kind: value 'lanched': must be 'attached' or 'launched'; did you mean 'launched'?"),
    ("    kind: launched\n", "", "s.yaml:4: pools.onprem.kind: is required: must be 'attached' or 'launched'"),
    ("role: baseline", "role: base", "s.yaml:6: pools.onprem.role: value 'base': must be 'baseline' or 'burst'; did you mean 'baseline'?"),
    ("role: baseline", "role: burst\n    address: http://a", "s.yaml:7: pools.onprem.address: belongs to attached pools, and this one is launched"),
    ("role: baseline", "role: burst\n    leas: 1h", "s.yaml:7: pools.onprem.leas: unknown key; did you mean 'lease'?"),
    ("role: baseline", "role: burst\n    lease: 1min", "s.yaml:7: pools.onprem.lease: value '1min': would end before the pool has started ('startup')"),
    ("role: baseline", "role: burst\n    provides: internet", "s.yaml:7: pools.onprem.provides: value 'internet': must be a list"),
    ("role: baseline", "role: burst\n    token_file: no", "s.yaml:7: pools.onprem.token_file: value 'false': must be the name of a file"),
    ("role: baseline", "role: burst\n    token_file: nope", "s.yaml:7: pools.onprem.token_file: value 'nope': there is no such file"),
    ("role: baseline", "role: burst\n    token_env: NOPE", "s.yaml:7: pools.onprem.token_env: value 'NOPE': there is no such environment variable"),
    ("    head_price_usd_per_hour: 0\n", "", "s.yaml:4: pools.onprem.head_price_usd_per_hour: is required: what the head costs an hour, 0 if nothing"),
    ("hour: 0\n", "hour: -1\n", "s.yaml:8: pools.onprem.head_price_usd_per_hour: value '-1': must be 0 or more"),
    ("hour: 0\n", "hour: yes\n", "s.yaml:8: pools.onprem.head_price_usd_per_hour: value 'true': must be a number"),
    (", price_usd_per_hour: 0.2", "", "s.yaml:10: pools.onprem.node_types.worker.price_usd_per_hour: is required: what one node costs an hour"),
    ("0.2}", ".inf}", "s.yaml:10: pools.onprem.node_types.worker.price_usd_per_hour: value 'inf': must be a finite number"),
    ("0.2}", ".nan}", "s.yaml:10: pools.onprem.node_types.worker.price_usd_per_hour: value 'nan'"),
    ("0.2}", "cheap}", "s.yaml:10: pools.onprem.node_types.worker.price_usd_per_hour: value 'cheap': must be a number"),
    ("owned", "rented", "s.yaml:10: pools.onprem.node_types.worker.market: value 'rented': must be 'owned' or 'on_demand' or 'spot'"),
    ("0.2}", "0.2, max_nodes: 9}", "s.yaml:10: pools.onprem.node_types.worker.max_nodes: value '9': small.yaml allows 3"),
    ("0.2}", "0.2, resources: {CPU: lots}}", "s.yaml:10: pools.onprem.node_types.worker.resources.CPU: value 'lots': is no amount"),
    ("worker:", "wroker:", "s.yaml:10: pools.onprem.node_types.wroker: small.yaml has no such node type; did you mean 'worker'?"),
    (WORKER, "head: {market: owned, price_usd_per_hour: 0}", "s.yaml:9: pools.onprem.node_types.worker: small.yaml may start such nodes: say here what they cost"),
    (f"node_types:\n      {WORKER}", "node_types: {}", "s.yaml:9: pools.onprem.node_types: value '{}': must not be empty"),
    ("small.yaml", "smal.yaml", "s.yaml:7: pools.onprem.cluster: value 'clusters/smal.yaml': cannot be read: No such file or directory; did you mean 'small.yaml'?"),
    ("clusters/small.yaml", "s.yaml", "s.yaml:7: pools.onprem.cluster: value 's.yaml': is no Ray cluster YAML: 'cluster_name' and 'provider' are missing"),
    ("    cluster: clusters/small.yaml\n", "", "s.yaml:4: pools.onprem.cluster: is required for a launched pool"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), ONE_MISTAKE)
def test_a_mistake_is_told_once_with_its_line(old, new, said, folder):
    """Each mistake is one line: where, which key, which value, what is wrong, what was meant."""
    folder.change(old, new)
    told = [line for line in folder.mistakes() if said in line]
    assert len(told) == 1, folder.mistakes()
    # Without its cluster YAML a launched pool's shapes are unknown, and asked for too.
    assert len(folder.mistakes()) == 1 or "is required for a launched pool" in said


def test_an_attached_pool_must_say_what_it_has(folder):
    """Without a cluster YAML, address, resources and max_nodes are required, and `cluster` is out of place."""
    folder.change("kind: launched", "kind: attached")
    assert [line.partition(": ")[2].split(": ")[0] for line in folder.mistakes()] == [
        "pools.onprem.address",
        "pools.onprem.cluster",
        "pools.onprem.node_types.worker.max_nodes",
        "pools.onprem.node_types.worker.resources",
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(folder):
    """Unknown keys, wrong values, missing prices and broken references are found in one go."""
    folder.change("demand", "dmand")
    folder.change("may_burst: true", "may_burst: 7")
    folder.change("kind: launched", "kind: lanched")
    folder.change("small.yaml", "smal.yaml")
    folder.change("market: owned, ", "")
    where = [line.partition(": ")[0] for line in folder.mistakes("listen.port=x", environ={"SPILLOVER__tick": "x"})]
    assert where == [
        "command line", "environment SPILLOVER__tick", "s.yaml:1", "s.yaml:2", "s.yaml:5", "s.yaml:7", "s.yaml:10",
    ]  # fmt: skip


def test_what_was_overridden_is_blamed_on_the_override(folder):
    """A wrong value is told where it was written: command line, variable or file."""
    assert folder.mistakes("pools.onprem.role=base") == [
        "command line: pools.onprem.role: value 'base': must be 'baseline' or 'burst'; did you mean 'baseline'?"
    ]
    assert folder.mistakes(environ={"SPILLOVER__pools__onprem__regoin": "eu"}) == [
        "environment SPILLOVER__pools__onprem__regoin: pools.onprem.regoin: unknown key; did you mean 'region'?"
    ]


def test_a_list_that_was_overridden_is_no_longer_the_files(folder):
    """A wrong item of a list from the command line is not blamed on the line of the list that it replaced."""
    folder.change("role: baseline", "role: baseline\n    provides: [internet]")
    assert folder.mistakes("pools.onprem.provides=[[x]]") == [
        "command line: pools.onprem.provides.0: value '['x']': must be text (quote it)"
    ]


@pytest.mark.parametrize("item", ["tick", "=3", "tick={", "teams.x=[["])
def test_an_override_that_is_none_is_told(item, folder):
    """What is not key=value with a YAML value is named, and stops nothing else from being checked."""
    mistakes = folder.mistakes(item, "tick=soon")
    assert len(mistakes) == 2
    assert any(f"'{item}'" in line for line in mistakes)


def test_an_environment_value_that_is_no_yaml_is_told(folder):
    """A broken value names its variable."""
    assert folder.mistakes(environ={"SPILLOVER__tick": "{"})[0].startswith("SPILLOVER__tick: '{' is no YAML")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2", "s.yaml:2: is no YAML"),
        ("- a\n- b\n", "s.yaml:1: is no settings file"),
        ("a: &x {b: *x}\n", "s.yaml:1: is no YAML: an alias refers to what it is part of"),
        ("a: ${b\n", "s.yaml:1: a: "),
        ("a: \t\x00", "s.yaml: is no YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(text, said, folder):
    """Broken YAML, and YAML that is no mapping, are mistakes like any other."""
    folder.write("s.yaml", text)
    (mistake,) = folder.mistakes()
    assert mistake.startswith(said)


def test_an_empty_file_is_told_what_it_must_say(folder):
    """An empty file is answered with all that is required."""
    folder.write("s.yaml", "")
    assert [line.split(": ")[1] for line in folder.mistakes()] == ["defaults", "pools", "teams"]


def test_values_of_the_wrong_shape_never_crash_the_loader(folder):
    """Whatever stands in the place of a mapping, a number or a name, the answer is a list of mistakes."""
    for key in ("defaults", "teams", "pools", "pools.onprem", "pools.onprem.node_types", "pools.onprem.cluster"):
        for value in ("null", "7", "[1, {a: b}]", "{7: {8: 9}}", "text"):
            if (key, value) == ("pools.onprem.cluster", "text"):
                continue
            with pytest.raises(SettingsError):
                folder.load(f"{key}={value}")
    for key in ("defaults.team", "pools.onprem.kind", "pools.onprem.lease", "pools.onprem.node_types.worker"):
        for value in ("null", "[1, {a: b}]", "{7: {8: 9}}"):
            with pytest.raises(SettingsError):
                folder.load(f"{key}={value}")


@pytest.mark.parametrize(
    "cluster", ["available_node_types: [worker]", "available_node_types: {worker: 3}\nmax_workers: x"]
)
def test_a_strange_cluster_yaml_never_crashes_the_loader(cluster, folder):
    """A cluster YAML that Ray would refuse leads to mistakes, not to a traceback."""
    folder.write("clusters/small.yaml", f"cluster_name: a\nprovider: {{type: aws}}\n{cluster}\n")
    assert any("worker.resources: is required" in line for line in folder.mistakes())


def test_a_missing_file_names_the_way_to_one(tmp_path):
    """Who has no settings yet is told what writes them."""
    with pytest.raises(SettingsError, match=r"none\.yaml: there is no such settings file; `spillover init` writes one"):
        load_settings(tmp_path / "none.yaml", (), {})
