"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

meta = Table("meta", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False))

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("hash", String, nullable=False),
    Column("user", String, nullable=False),
    Column("team", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", String, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("used_at", Float),
    Index("tokens_by_hash", "hash", unique=True),
)

jobs = Table(
    "jobs",
    metadata,
    Column("submission_id", String, primary_key=True),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("entrypoint", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("env_vars", Text),
    Column("user", String, nullable=False),
    Column("team", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("demand", Text, nullable=False),
    Column("demand_source", String, nullable=False),
    Column("hints", Text, nullable=False),
    Column("submitted_at", Float, nullable=False),
    Column("status", String, nullable=False),
    Column("target", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("error_type", String),
    Column("exit_code", Integer),
    Column("wait_reason", String, nullable=False),
    Column("expected_start_at", Float),
    Column("move_to", String),
    Column("moved_at", Float),
    Column("claim_token", String),
    Column("claim_until", Float),
    Index("jobs_by_status", "status", "submitted_at"),
    Index("jobs_by_likeness", "team", "status", "submitted_at"),
    Index("jobs_by_end", "ended_at"),
    Index("jobs_by_start", "started_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", String, primary_key=True),
    Column("submission_id", String, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("pool", String, nullable=False),
    Column("node_type", String, nullable=False),
    Column("market", String, nullable=False),
    Column("committed_at", Float, nullable=False),
    Column("why", Text, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("session_name", String),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("outcome", String),
    Column("message", Text, nullable=False),
    Column("error_type", String),
    Column("exit_code", Integer),
    Column("core_job_id", String),
    Column("driver_info", Text),
    Column("driver_node_id", String),
    Column("driver_agent_http_address", String),
    Column("stop_sent_at", Float),
    Column("log_whole", Boolean, nullable=False),
)

observed = Table(
    "observed",
    metadata,
    Column("team", String, primary_key=True),
    Column("entrypoint", Text, primary_key=True),
    Column("demand", Text, nullable=False),
    Column("at", Float, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("submission_id", String, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("decision", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
)

pools = Table(
    "pools",
    metadata,
    Column("name", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("target", String, nullable=False),
    Column("address", String),
    Column("session_name", String),
    Column("lease_id", String),
    Column("lease_max_nodes", Integer, nullable=False),
    Column("lease_expires_at", Float),
    Column("raised_at", Float),
    Column("since", Float, nullable=False),
    Column("seen_at", Float),
    Column("idle_since", Float),
    Column("retry_at", Float),
    Column("fenced_at", Float),
    Column("fold_asked_at", Float),
    Column("session_since", Float),
    Column("failures", Integer, nullable=False),
    Column("message", Text, nullable=False),
)

hosts = Table(
    "hosts",
    metadata,
    Column("pool", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("target", String, nullable=False),
    Column("since", Float, nullable=False),
    Column("node_id", String, nullable=False),
    Column("problem", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Float),
    Column("repair_asked_at", Float),
)

shadow = Table(
    "shadow",
    metadata,
    Column("submission_id", String, primary_key=True),
    Column("team", String, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("day", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("pool", String, nullable=False),
    Column("usd", Float, nullable=False),
    Column("wait_s", Float),
    Column("starts_at", Float),
    Column("settled", Boolean, nullable=False),
    Column("sentence", Text, nullable=False),
)

packages = Table(
    "packages",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("uri", String, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("pinned_until", Float, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("pool", String, primary_key=True),
    Column("node_id", String, primary_key=True),
    Column("node_type", String, nullable=False),
    Column("market", String, nullable=False),
    Column("price_usd_per_hour", Float, nullable=False),
    Column("is_head", Boolean, nullable=False),
    Column("ip", String, nullable=False),
    Column("since", Float, primary_key=True),
    Column("metered_until", Float, nullable=False),
    Column("gone_at", Float, index=True),
    Column("reclaimed_at", Float),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("day", String, nullable=False, index=True),
    Column("pool", String, nullable=False),
    Column("node_id", String, nullable=False),
    Column("node_type", String, nullable=False),
    Column("market", String, nullable=False),
    Column("start", Float, nullable=False),
    Column("end", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("nano_usd", BigInteger, nullable=False),
    Column("node_s", Float, nullable=False),
    Column("submission_id", String, index=True),
    Column("team", String),
    Column("user", String),
)

applications = Table(
    "applications",
    metadata,
    Column("name", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("team", String, nullable=False),
    Column("route_prefix", String, nullable=False),
    Column("config", Text, nullable=False),
    Column("packages", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("deployed_at", Float, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("target", String, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("key_hash", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", String, nullable=False),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("regions", Text, nullable=False),
    Column("applications", Text, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Index("api_keys_by_hash", "key_hash", unique=True),
)

served = Table(
    "served",
    metadata,
    Column("day", String, primary_key=True),
    Column("application", String, primary_key=True),
    Column("key_id", String, primary_key=True),
    Column("tenant", String, primary_key=True),
    Column("pool", String, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("busy_s", Float, nullable=False),
)
