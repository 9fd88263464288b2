import logging
from pathlib import Path

import pytest

from spillover.config import AttachedPool, LaunchedPool, load_settings, pool_token, template

ATTACHED = """\
defaults: {demand: "1x{CPU:1}"}
teams: {default: {may_burst: true}}
pools:
  far-1:
    kind: attached
    role: baseline
    address: http://10.0.0.1:8265/
    TOKEN
    head_price_usd_per_hour: 0
    node_types:
      gpu: {market: owned, price_usd_per_hour: 1.5, resources: {GPU: 8, memory: 64GiB}, max_nodes: 4}
"""


def test_the_template_loads():
    """The template that ships with the wheel is valid as it is, with the cluster YAML that lies beside it."""
    settings = load_settings(template(), (), {})
    pool = settings.pools["local"]
    assert isinstance(pool, LaunchedPool)
    assert (pool.startup_s, pool.idle_timeout_s, pool.lease_s, pool.max_drivers) == (60, 300, 3600, 8)
    assert settings.policy.name == "threshold"
    assert settings.policy.settings["rules"] == [
        "5 jobs older than 10min",
        "1 job older than 1h",
        "100 jobs of any age",
    ]


def test_every_key_of_the_template_is_known_and_every_key_is_in_it():
    """The template shows each setting that exists, so that nobody has to guess."""
    from spillover.config import schema

    text = template().read_text()
    models = (
        schema.Settings,
        schema.Listen,
        schema.Policy,
        schema.Defaults,
        schema.Team,
        schema.Packages,
        schema.Serving,
    )
    for model in (*models, schema.NodeType, schema.AttachedPool, schema.LaunchedPool):
        missing = {f.alias or name for name, f in model.model_fields.items() if f"{f.alias or name}:" not in text}
        assert missing - {"labels"} == set()


def test_what_is_not_said_has_a_default(folder):
    """Only demand, teams, pools and prices must be said; the rest has defaults, state in the home folder."""
    settings = folder.load()
    assert settings.state_dir == Path("~/.spillover").expanduser()
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 7265)
    assert (settings.packages.limit_bytes, settings.on_overuse, settings.max_attempts) == (2 * 2**30, "warn", 5)
    assert (settings.metering_interval_s, settings.tick_s) == (10, 1)
    assert (settings.shadow_policy, settings.shadow_every_s, settings.move_cooldown_s) == (None, 10, 1800)
    assert (settings.defaults.runtime_s, settings.defaults.team) == (3600, "default")
    assert settings.policy.name == "threshold"


def test_a_launched_pools_shapes_come_from_its_cluster_yaml(folder):
    """Resources, labels and max_workers (the cluster's where the type has none) need not be said twice."""
    worker = folder.load().pools["onprem"].node_types["worker"]
    assert (worker.resources, worker.max_nodes, worker.labels) == ({"CPU": 4}, 3, {"zone": "a"})


def test_settings_may_narrow_what_the_cluster_yaml_says(folder):
    """A written max_nodes or resources wins over the cluster YAML's."""
    folder.change("price_usd_per_hour: 0.2}", "price_usd_per_hour: 0.2, max_nodes: 1, resources: {CPU: 2}}")
    worker = folder.load().pools["onprem"].node_types["worker"]
    assert (worker.resources, worker.max_nodes) == ({"CPU": 2}, 1)


def test_file_names_start_from_the_file(folder, monkeypatch):
    """A relative name in the file is relative to the file, one on the command line to where one stands."""
    folder.write("s.yaml", "state_dir: state\n" + (folder.path / "s.yaml").read_text())
    monkeypatch.chdir(folder.path / "clusters")
    settings = folder.load()
    assert settings.state_dir == folder.path / "state"
    assert settings.pools["onprem"].cluster == folder.path / "clusters" / "small.yaml"
    assert folder.load("state_dir=here").state_dir == folder.path / "clusters" / "here"


def test_the_command_line_wins_over_the_environment_over_the_file(folder):
    """Three layers are merged, later ones win, and siblings stay."""
    folder.write("s.yaml", "listen: {host: file, port: 1}\ntick: 1s\n" + (folder.path / "s.yaml").read_text())
    environ = {"SPILLOVER__listen__port": "2", "SPILLOVER__tick": "2s", "SPILLOVER_ADDRESS": "http://not.ours"}
    settings = folder.load("tick=3s", environ=environ)
    assert (settings.listen.host, settings.listen.port, settings.tick_s) == ("file", 2, 3)


def test_environment_names_stand_for_the_files_keys(folder):
    """A shell can write a pool's `-` as `_`, in capitals; values are YAML."""
    folder.change("  onprem:", "  on-prem:")
    environ = {"SPILLOVER__POOLS__ON_PREM__PROVIDES": "[internet, 'nfs:/data']"}
    assert folder.load(environ=environ).pools["on-prem"].provides == {"internet", "nfs:/data"}


def test_a_policy_may_be_only_a_name(folder):
    """`policy=NAME` drops the settings of the policy in the file."""
    folder.write("s.yaml", "policy: {name: a, x: 1}\n" + (folder.path / "s.yaml").read_text())
    assert folder.load().policy.settings == {"x": 1}
    policy = folder.load("policy=never").policy
    assert (policy.name, policy.settings) == ("never", {})


def test_node_types_with_dots_can_be_named_on_the_command_line(folder):
    """OmegaConf's brackets reach a key that has a dot."""
    for name in ("clusters/small.yaml", "s.yaml"):
        folder.write(name, (folder.path / name).read_text().replace(" worker:", " ray.worker:"))
    settings = folder.load("pools.onprem.node_types[ray.worker].max_nodes=1")
    assert settings.pools["onprem"].node_types["ray.worker"].max_nodes == 1


def test_yaml_anchors_and_interpolations_work(folder):
    """Merge keys and ${...} spare repetition."""
    pools = "pools:\n  other: &o\n" + (folder.path / "s.yaml").read_text().partition("  onprem:\n")[2]
    head = (folder.path / "s.yaml").read_text().partition("pools:\n")[0]
    folder.write("s.yaml", head + pools + "  onprem: {<<: *o, region: '${pools.other.role}', max_drivers: 1e0}\n")
    onprem = folder.load().pools["onprem"]
    assert (onprem.region, onprem.role) == ("baseline", "baseline")


@pytest.mark.parametrize("said", ["token_file: secret", "token_env: FAR_TOKEN"])
def test_an_attached_pools_token_comes_from_a_file_or_a_variable(said, folder):
    """The cluster's own token is read from where the settings say, stripped; the address loses its slash."""
    folder.write("secret", "s3cret\n")
    folder.write("s.yaml", ATTACHED.replace("TOKEN", said, 1))
    pool = folder.load(environ={"FAR_TOKEN": " s3cret "}).pools["far-1"]
    assert isinstance(pool, AttachedPool)
    assert pool.address == "http://10.0.0.1:8265"
    assert pool.node_types["gpu"].resources["memory"] == 64 * 2**30
    assert pool_token(pool, {"FAR_TOKEN": " s3cret "}) == "s3cret"


def test_a_pool_without_a_token_has_none(folder):
    """A cluster that asks for no token needs none in the settings."""
    assert pool_token(folder.load().pools["onprem"]) is None


def test_a_baseline_pool_that_is_not_owned_is_warned_of(folder, caplog):
    """Renting the baseline is allowed, and said."""
    folder.change("market: owned", "market: spot")
    with caplog.at_level(logging.WARNING):
        folder.load()
    assert (
        "s.yaml:10: warning: pools.onprem.node_types.worker.market: value 'spot': a baseline pool is owned"
        in caplog.text
    )


def test_settings_never_change(folder):
    """Settings are frozen once loaded."""
    with pytest.raises(ValueError, match="frozen"):
        folder.load().tick_s = 5
