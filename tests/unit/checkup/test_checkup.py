"""What is found in settings that can be read: each thing once, at its line."""

import pytest
from checkup_settings import SETTINGS

from spillover.checkup import accept, look
from spillover.config import read_settings
from spillover.errors import SettingsError

LOCAL = """\
cluster_name: {name}
max_workers: 1
provider: {{type: external, module: spillover.node.local.LocalNodeProvider, root: {root}, port_base: {base}, net: "{net}"}}
head_node_type: head
available_node_types:
  head: {{resources: {{CPU: 0}}, node_config: {{}}}}
  worker: {{resources: {{CPU: 2}}, node_config: {{}}}}
file_mounts: {{}}
cluster_synced_files: []
initialization_commands: []
setup_commands: []
head_setup_commands: []
worker_setup_commands: []
head_start_ray_commands: []
"""

# (what is replaced in conftest's SETTINGS, by what, the one finding that follows)
ONE_FINDING = [
    # the policy's own settings
    ("name: threshold", "name: treshold", "s.yaml:1: policy.name: value 'treshold': is no policy; did you mean 'threshold'?"),
    ("rules: [5 jobs older than 10min]", "rulez: 5", "s.yaml:1: policy.rulez: policy 'threshold' has no such setting; did you mean 'rules'?"),
    ("rules: [5 jobs older than 10min]", "xyz: 5", "s.yaml:1: policy.xyz: policy 'threshold' has no such setting; it has rules"),
    ("rules: [5 jobs older than 10min]", "rules: [1 job older than 1h, 5 jobs]", "s.yaml:1: policy.rules.1: value '5 jobs': rule '5 jobs' is no pair"),
    ("rules: [5 jobs older than 10min]", "rules: []", "s.yaml:1: policy.rules: value '[]': rules are []"),
    ("threshold, rules: [5 jobs older than 10min]", "immediate, x: 1", "s.yaml:1: policy.x: policy 'immediate' has no such setting; it has none"),
    ("threshold, rules: [5 jobs older than 10min]", "waiting_budget", "s.yaml:1: policy: give one of 'target_mean_wait' and 'seconds_per_usd'"),
    ("threshold, rules: [5 jobs older than 10min]", "waiting_budget, target_mean_wat: 5min", "s.yaml:1: policy.target_mean_wat: policy 'waiting_budget' has no such setting; did you mean 'target_mean_wait'?"),
    ("threshold, rules: [5 jobs older than 10min]", "waiting_budget, target_mean_wait: soon", "s.yaml:1: policy.target_mean_wait: value 'soon': target_mean_wait 'soon' is no duration"),
    # the same of the one that is only asked
    ("5 jobs older than 10min]}", "5 jobs older than 10min]}\nshadow_policy: {name: imediate}", "s.yaml:2: shadow_policy.name: value 'imediate': is no policy; did you mean 'immediate'?"),
    ("5 jobs older than 10min]}", "5 jobs older than 10min]}\nshadow_policy: {name: threshold, rulez: 5}", "s.yaml:2: shadow_policy.rulez: policy 'threshold' has no such setting; did you mean 'rules'?"),
    ("5 jobs older than 10min]}", "5 jobs older than 10min]}\nshadow_policy: never", None),
    # pools that no job could use
    ("threshold, rules: [5 jobs older than 10min]", "never", "s.yaml:15: warning: pools.cloud.role: value 'burst': no job could ever run here: the policy 'never' rents nothing"),
    ("may_burst: true", "may_burst: false", "s.yaml:15: warning: pools.cloud.role: value 'burst': no job could ever run here: no team may burst"),
    ("max_nodes: 2", "max_nodes: 0", "s.yaml:11: warning: pools.onprem.node_types: no job could ever run here: max_nodes is 0 for all of them"),
    ("{GPU: 4, CPU: 32}", "{GPU: 0}", "s.yaml:12: warning: pools.onprem.node_types.gpu.resources: all are 0: no job could use such a node"),
    # what a job is held to need
    ("1x{CPU:1}", "9x{GPU:4}", "s.yaml:2: warning: defaults.demand: value '9x{GPU:4}': no pool can ever hold it: needs 9x{GPU:4} at once; pool 'onprem' cannot hold that on its 2 nodes at most; needs 9x{GPU:4} at once; pool 'cloud'"),
    ("may_burst: true}", "may_burst: true}\n  x: {may_burst: false}\n# ", None),
    # prices
    ("market: spot, price_usd_per_hour: 3", "market: spot, price_usd_per_hour: 0", "s.yaml:19: warning: pools.cloud.node_types.spot.price_usd_per_hour: value '0': a rented node (spot) that is free: offers would cost nothing"),
    ("market: owned, price_usd_per_hour: 2", "market: owned, price_usd_per_hour: 0", None),
    ("spot, price_usd_per_hour: 3", "spot, price_usd_per_hour: 8.99", None),
    ("spot, price_usd_per_hour: 3", "spot, price_usd_per_hour: 9.5", "s.yaml:19: warning: pools.cloud.node_types.spot.price_usd_per_hour: value '9.5': spot is dearer than on_demand of the same shape, 'dear' at $9"),
    ("on_demand, price_usd_per_hour: 9", "on_demand, price_usd_per_hour: 120", None),
    ("on_demand, price_usd_per_hour: 9", "on_demand, price_usd_per_hour: 121", "s.yaml:20: warning: pools.cloud.node_types.dear.price_usd_per_hour: value '121': $30.25 for each of 4 GPUs: is more than $30: is it the price of one hour"),
    ("on_demand, price_usd_per_hour: 9", "on_demand, price_usd_per_hour: 6570", "s.yaml:20: warning: pools.cloud.node_types.dear.price_usd_per_hour: value '6570': is more than $500: is it the price of one hour"),
    ("head_price_usd_per_hour: 0.1", "head_price_usd_per_hour: 0", "s.yaml:17: warning: pools.cloud.head_price_usd_per_hour: value '0': the head of a rented cluster is a machine too"),
    ("head_price_usd_per_hour: 0.1", "head_price_usd_per_hour: 700", "s.yaml:17: warning: pools.cloud.head_price_usd_per_hour: value '700': is more than $500"),
    ("price_usd_per_hour: 2, resources: {GPU: 4, CPU: 32}", "price_usd_per_hour: 5, resources: {GPU: 4, CPU: 16, memory: 9GiB}", "s.yaml:19: warning: pools.cloud.node_types.spot.price_usd_per_hour: value '3': is less than the $5 of the same shape in 'onprem': waiting there never pays"),
    # ourselves as a pool
    ("http://10.0.0.1:8265", "http://10.0.0.1:7265", None),
    ("http://10.0.0.1:8265", "http://10.0.0.1:99999", None),
    ("http://10.0.0.1:8265", "http://localhost:7265", "s.yaml:9: pools.onprem.address: value 'http://localhost:7265': is where Spillover itself listens"),
]  # fmt: skip


def test_settings_that_are_right_bring_nothing(site):
    """The settings that the other tests spoil have neither a mistake nor a warning."""
    assert site.look() == []


@pytest.mark.parametrize(("old", "new", "said"), ONE_FINDING)
def test_a_finding_is_told_once_with_its_line(old, new, said, site):
    """Each is one line: where, whether a warning, which key, which value, what is wrong. None: nothing is."""
    site.change(old, new)
    found = site.look()
    assert len(found) == (said is not None), found
    assert said is None or said in found[0]


def test_everything_is_told_at_once(site):
    """Mistakes of the settings, of a policy, of prices and of the cluster YAML come together, in the files' order."""
    site.change("5 jobs older than 10min", "5 jobs")
    site.change("may_burst: true", "may_brst: true")
    site.change("owned, price_usd_per_hour: 2", "owned, price_usd_per_hour: 900")
    site.change("max_workers: 4", "max_worker: 4", "c.yaml")
    assert [line.split(": ")[0] for line in site.look("tick=soon")] == [
        "command line", "s.yaml:1", "s.yaml:4", "s.yaml:12", "c.yaml:2",
    ]  # fmt: skip


def test_a_demand_that_no_launched_pool_can_hold_is_a_mistake(site):
    """Where no attached cluster might have more than is said, every job that says nothing would be refused."""
    text = (site.folder / "s.yaml").read_text()
    site.write("s.yaml", text.replace(text[text.index("  onprem:") : text.index("  cloud:")], ""))
    (found,) = site.look("defaults.demand=1x{GPU:8}")
    assert found == (
        "command line: defaults.demand: value '1x{GPU:8}': no pool can ever hold it: "
        "needs a node with {GPU:8}; the largest of pool 'cloud' is {GPU:4}"
    )


def test_a_team_that_may_not_burst_needs_owned_room(site):
    """A demand that only rented nodes can hold is a warning for each team whose jobs must stay at home."""
    site.change("default: {may_burst: true}", "default: {may_burst: true}\n  kept: {may_burst: false}")
    site.change("{GPU: 4, CPU: 32}", "{CPU: 32}")
    (found,) = site.look("defaults.demand=1x{GPU:1}")
    assert found.startswith(
        "s.yaml:5: warning: teams.kept.may_burst: value 'false': jobs that say nothing need 1x{GPU:1}"
    )


def test_the_lease_cap_must_not_be_below_what_ray_keeps(site):
    """Spillover writes the cap into max_workers: Ray refuses one below the sum of all min_workers."""
    site.change("{GPU: 4, CPU: 16}", "{GPU: 4, CPU: 16}, min_workers: 2", "c.yaml")
    site.change("price_usd_per_hour: 3", "price_usd_per_hour: 3, max_nodes: 1")
    site.change("price_usd_per_hour: 9", "price_usd_per_hour: 9, max_nodes: 1")
    assert site.look() == [
        "s.yaml:18: pools.cloud.node_types: c.yaml keeps 4 workers (min_workers), and max_nodes allows 2"
    ]


def test_a_type_of_which_ray_keeps_more_is_warned_of(site):
    """The cap is the pool's, so one type may still get more nodes than its own max_nodes."""
    site.change(
        "{GPU: 4, CPU: 16}, node_config: {}}\n  dear",
        "{GPU: 4, CPU: 16}, node_config: {}, min_workers: 2}\n  dear",
        "c.yaml",
    )
    site.change("price_usd_per_hour: 3", "price_usd_per_hour: 3, max_nodes: 1")
    (found,) = site.look()
    assert found.startswith(
        "s.yaml:19: warning: pools.cloud.node_types.spot.max_nodes: value '1': c.yaml keeps 2 of them"
    )


def two_clouds(site, other: str) -> None:
    """A second burst pool beside `cloud`, with a cluster YAML of its own."""
    text = (site.folder / "s.yaml").read_text()
    cloud = text[text.index("  cloud:") :]
    site.write("s.yaml", text + cloud.replace("  cloud:", "  other:").replace("c.yaml", other))


def test_two_pools_cannot_be_one_cluster(site):
    """The same file, or the same cluster_name at the same provider: each would fold the other's nodes."""
    two_clouds(site, "c.yaml")
    said = "is the cluster of pool 'cloud' too: copy the file and give the copy another cluster_name"
    assert site.look() == [f"s.yaml:24: pools.other.cluster: value 'c.yaml': {said}"]
    two = (site.folder / "c.yaml").read_text()
    site.write("d.yaml", two + "upscaling_speed: 2\n")
    site.change(
        "cluster: c.yaml\n    head_price_usd_per_hour: 0.1\n    node_types:\n      spot: {market: spot, price_usd_per_hour: 3}\n      dear: {market: on_demand, price_usd_per_hour: 9}\n  other",
        "cluster: d.yaml\n    head_price_usd_per_hour: 0.1\n    node_types:\n      spot: {market: spot, price_usd_per_hour: 3}\n      dear: {market: on_demand, price_usd_per_hour: 9}\n  other",
    )
    assert len(site.look()) == 1
    site.change("eu-west-1", "eu-west-2", "d.yaml")
    assert site.look() == []


def local_pools(site, *clusters: str) -> None:
    """Burst pools of local processes, one for each text."""
    text = SETTINGS.partition("  cloud:")[0]
    for number, cluster in enumerate(clusters):
        site.write(f"l{number}.yaml", cluster)
        text += (
            f"  l{number}:\n    kind: launched\n    role: burst\n    cluster: l{number}.yaml\n"
            "    head_price_usd_per_hour: 0.1\n"
            "    node_types: {worker: {market: spot, price_usd_per_hour: 3}}\n"
        )
    site.write("s.yaml", text)


def local(name="a", base=20000, net="127.0.50", root="/tmp/sp0"):
    return LOCAL.format(name=name, base=base, net=net, root=root)


def test_local_clusters_need_ports_and_a_network_of_their_own(site):
    """Two clusters on this machine that would take each other's ports or addresses are told at their own lines."""
    local_pools(site, local(), local("b", 20399, "127.0.50"))
    assert site.look() == [
        "l1.yaml:3: provider.net: value '127.0.50': is the network of pool 'l0' too",
        "l1.yaml:3: provider.port_base: value '20399': its 400 ports overlap with those of pool 'l0', from 20000 on",
    ]
    local_pools(site, local(), local("b", 20400, "127.0.51"))
    assert site.look() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port_base: 20000", "port_base: 80", "provider.port_base: 80 leaves no room for 400 ports above 1024"),
        ("port_base: 20000", "port_base: many", "provider.port_base: value 'many': must be a whole number"),
        ("port_base: 20000, ", "", "provider.port_base: is required for local nodes: the first of 400 ports"),
        ("root: /tmp/sp0, ", "", "provider.root: is required for local nodes: the folder of state, tokens and logs"),
        ("root: /tmp/sp0", f"root: /tmp/{'x' * 40}", "provider.root: provider.root and cluster_name are"),
        ('"127.0.50"', '"10.0.0"', "provider.net: '10.0.0' must be three numbers of a loopback address"),
        ("cluster_name: a", "cluster_name: a b", "l0.yaml:1: cluster_name: 'a b' must be letters"),
    ],
)
def test_where_a_local_cluster_cannot_lie(old, new, said, site):
    """What would stop its node provider at the first `ray up` is told before."""
    local_pools(site, local().replace(old, new))
    found = site.look()
    assert len(found) == 1, found
    assert said in found[0]


def test_the_address_that_clients_are_told_is_no_pool(site):
    """Behind a proxy we are where `listen.url` says."""
    (found,) = site.look("listen.url=https://ray.house", "pools.onprem.address=https://ray.house")
    assert "pools.onprem.address: value 'https://ray.house': is where Spillover itself listens" in found


def test_an_address_is_one_pool(site):
    """The same cluster attached twice would count each of its nodes twice."""
    text = (site.folder / "s.yaml").read_text()
    onprem = text[text.index("  onprem:") : text.index("  cloud:")]
    site.write("s.yaml", text.replace("  cloud:", onprem.replace("onprem", "again") + "  cloud:"))
    assert site.look() == [
        "s.yaml:16: pools.again.address: value 'http://10.0.0.1:8265': is pool 'onprem' too: every node would be counted twice"
    ]


def test_settings_with_warnings_are_accepted(site):
    """Warnings come along with the settings; a mistake leaves nothing to start with, and every mistake is named."""
    site.change("owned, price_usd_per_hour: 2", "owned, price_usd_per_hour: 900")
    settings, warnings = accept(read_settings(site.folder / "s.yaml", (), {}))
    assert settings.pools["onprem"].node_types["gpu"].price_usd_per_hour == 900
    assert [finding.path for finding in warnings] == [
        "pools.onprem.node_types.gpu.price_usd_per_hour",
    ]
    with pytest.raises(SettingsError) as refused:
        accept(read_settings(site.folder / "s.yaml", ["policy=nver", "tick=soon"], {}))
    assert len(refused.value.mistakes) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("d.yaml", "cannot be read: No such file or directory; did you mean 'c.yaml'?"),
        (".", "Is a directory"),
        ("/bin/true", "is no YAML"),
    ],
)
def test_a_cluster_yaml_that_cannot_be_read_is_one_mistake(name, said, site):
    """What the pool would have been is not guessed at, and everything else is looked at all the same."""
    site.change("cluster: c.yaml", f"cluster: {name}")
    found = site.look("policy=nver")
    assert len(found) == 2, found
    assert said in found[1]


@pytest.mark.parametrize(
    "key", ["policy", "defaults", "teams", "pools", "pools.cloud", "pools.cloud.node_types", "listen"]
)
@pytest.mark.parametrize("value", ["null", "7", "[1, {a: b}]", "{7: {8: 9}}", "text"])
def test_whatever_is_malformed_brings_mistakes_and_no_crash(key, value, site):
    """A closer look at settings that are half wrong looks at the other half."""
    reading = read_settings(site.folder / "s.yaml", [f"{key}={value}"], {})
    assert any(not finding.warning for finding in look(reading))
    for text in (
        "provider: 7",
        "cluster_name: 7\nprovider: {type: [x]}",
        "cluster_name: x\nprovider: {type: external}",
    ):
        site.write("c.yaml", text)
        assert any(not finding.warning for finding in look(read_settings(site.folder / "s.yaml", (), {})))
