"""Settings with one owned and one rented pool, and the rented one's cluster YAML."""

CLUSTER = """\
cluster_name: cloud
max_workers: 4
provider: {type: aws, region: eu-west-1}
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {}}
  spot: {resources: {GPU: 4, CPU: 16}, node_config: {}}
  dear: {resources: {GPU: 4, CPU: 16}, node_config: {}}
"""

SETTINGS = """\
policy: {name: threshold, rules: [5 jobs older than 10min]}
defaults: {demand: "1x{CPU:1}"}
teams:
  default: {may_burst: true}
pools:
  onprem:
    kind: attached
    role: baseline
    address: http://10.0.0.1:8265
    head_price_usd_per_hour: 0
    node_types:
      gpu: {market: owned, price_usd_per_hour: 2, resources: {GPU: 4, CPU: 32}, max_nodes: 2}
  cloud:
    kind: launched
    role: burst
    cluster: c.yaml
    head_price_usd_per_hour: 0.1
    node_types:
      spot: {market: spot, price_usd_per_hour: 3}
      dear: {market: on_demand, price_usd_per_hour: 9}
"""
