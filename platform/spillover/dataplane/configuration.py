"""HAProxy's configuration as text. Paths in it are relative to the folder, where HAProxy runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import replies
from .replies import JSON
from .servers import Server, as_configured
from .shape import BUFFER_BYTES, CHECK, CHECK_TIMEOUT, HOLD_ID, slot_names


@dataclass(frozen=True)
class Settings:
    """What does not change with the table. `admin` and `hold` are paths of sockets, `pem` a file in the folder."""

    host: str
    port: int
    threads: int
    admin: str
    hold: str
    pem: str | None = None


def fingerprint(settings: Settings, *others: bytes) -> str:
    """What a running HAProxy must have been started with: else it is replaced."""
    parts = (repr(settings).encode(), configuration(settings, "", {}).encode(), *others)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def configuration(settings: Settings, mark: str, slots: Mapping[str, Sequence[Server]]) -> str:
    """The whole text. `slots` are those with servers, `mark` is what `show info` tells the process by.

    Servers that take nothing new are left out: a process that starts has no requests with them.
    """
    sections = [_global(settings, mark), _defaults(), _front(settings), _held(settings)]
    sections += [_slot(name, queue_s, slots.get(name, ()), settings) for name, queue_s in slot_names().items()]
    return "\n".join(sections)


def lua(script: str) -> str:
    """The Lua script with the texts that it answers with."""
    return f"local TOO_LARGE = [==[{replies.TOO_LARGE}]==]\n{script}"


def _global(settings: Settings, mark: str) -> str:
    return f"""\
global
  description spillover {mark}
  nbthread {settings.threads}
  noreuseport
  fd-hard-limit 65536
  hard-stop-after 10m
  stats socket {settings.admin} mode 600 level admin expose-fd listeners
  tune.bufsize {BUFFER_BYTES}
  lua-load requests.lua
"""


def _defaults() -> str:
    own = "\n".join(
        f"  http-error status {status} {JSON} string '{text}'{' hdr Retry-After 1' if status == 503 else ''}"
        for status, text in replies.OWN.items()
    )
    return f"""\
defaults
  mode http
  timeout client 5m
  timeout client-fin 30s
  timeout http-request 30s
  timeout http-keep-alive 75s
  timeout connect 1s
  timeout server 5m
  timeout tunnel 1h
  timeout check {CHECK_TIMEOUT}
  option http-no-delay
  option abortonclose
  option dontlognull
  option forwardfor
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 500 502 503
{own}
"""


LOG_FORMAT = "|".join(
    [
        "S1",
        *(f"%[var(txn.{name})]" for name in ("at", "app", "key", "tenant", "pool")),
        *("%s", "%ST", "%TR", "%Tw", "%Tc", "%Tr", "%Ta"),
        *(f"%[var(txn.{name})]" for name in ("held", "tokens_in", "tokens_out")),
        *("%U", "%B", "%rc", "%ts"),
    ]
)


def _reply(status: int, text: str, condition: str, *headers: str, on: str = "request") -> str:
    more = "".join(f" hdr {header}" for header in headers)
    return f"http-{on} return status {status} {JSON} string '{text}'{more} if {condition}"


def _fields(variable: str, *names: str, between: str = "|") -> list[str]:
    split = [f"var(txn.{variable}),field({i},{between})" for i in range(1, len(names) + 1)]
    return [f"http-request set-var(txn.{name}) {value}" for name, value in zip(names, split, strict=True)]


def _front(settings: Settings) -> str:
    tls = f" ssl crt {settings.pem} alpn h2,http/1.1" if settings.pem else ""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    lines = [
        f"bind {host}:{settings.port}{tls}",
        "log stdout len 2048 format raw local0 info",
        f'log-format "{LOG_FORMAT}"',
        'unique-id-format "%[var(txn.slot)];%[var(txn.retry)];%[var(txn.timeout)]"',
        "filter lua.bodies",
        *_who(),
        *_what(),
        *_clean(tls=bool(settings.pem)),
        *_where(),
        *_answer(),
    ]
    return "frontend front\n" + "".join(f"  {line}\n" for line in lines)


def _who() -> list[str]:
    """From an API key to an account. Nobody is told more than that before."""
    sha, bearer = "sha2(256),hex,lower", "{ http_auth_bearer -m found }"
    return [
        "http-request set-var(txn.at) date(0,ms)",
        "http-request set-log-level silent",  # there is nobody yet whom a request could be metered for
        "http-request return status 200 content-type text/plain string ok if { path /-/healthz }",
        f"http-request set-var(txn.hash) req.fhdr(x-api-key),{sha} if {{ req.fhdr(x-api-key) -m found }}",
        f"http-request set-var(txn.hash) http_auth_bearer,{sha} if !{{ var(txn.hash) -m found }} {bearer}",
        _reply(401, replies.NO_KEY, "!{ var(txn.hash) -m found }", "WWW-Authenticate Bearer"),
        "http-request set-var(txn.account) var(txn.hash),map_str(keys.map)",
        _reply(403, replies.BAD_KEY, "!{ var(txn.account) -m found }"),
        *_fields("account", "key", "tenant", "regions", "requests", "tokens", "expires", "whom"),
        "http-request set-var(txn.expires) int(9999999999) if { var(txn.expires) -m str * }",
        _reply(403, replies.BAD_KEY, "{ date,sub(txn.expires) -m int ge 0 }"),
    ]


def _what() -> list[str]:
    """From the path to an application, and whether the account may have it. Encoded slashes count as slashes."""
    region, no_length = "req.fhdr(x-spillover-region),lower,url_enc", "!{ req.hdr(content-length) -m found }"
    return [
        _reply(400, replies.BAD_PATH, "{ path -m sub %00 }"),
        "http-request set-var(txn.route) path,url_dec,concat(/),url_enc,map_beg(routes.map)",
        _reply(404, replies.NO_ROUTE, "!{ var(txn.route) -m found }"),
        *_fields("route", "app", "limit", "timeout", "retry"),
        'http-request set-var-fmt(txn.pair) "%[var(txn.key)]|%[var(txn.app)]"',
        "http-request set-log-level info",
        _reply(
            403,
            replies.NOT_FOR_KEY,
            "{ var(txn.whom) -m str some } !{ var(txn.pair),map_str(grants.map) -m found }",
        ),
        _reply(400, replies.TWO_REGIONS, "{ req.fhdr_cnt(x-spillover-region) gt 1 }"),
        f'http-request set-var-fmt(txn.place) "%[var(txn.app)]|%[var(txn.regions)]|%[{region}]"',
        _reply(503, replies.NO_REGION, "!{ var(txn.place),map_str(places.map) -m found }", "Retry-After 5"),
        _reply(413, replies.TOO_LARGE, "{ req.hdr(content-length),sub(txn.limit) -m int gt 0 }"),
        f"http-request set-var(txn.untold) int(1) if {no_length} {{ req.hdr(transfer-encoding) -m found }}",
        f"http-request set-var(txn.untold) int(1) if {no_length} {{ req.ver 2.0 }}",  # there it needs no header
        "http-request lua.admit if !{ var(txn.requests) -m str * } || !{ var(txn.tokens) -m str * }",
        _reply(429, replies.OVER_REQUESTS, "{ var(txn.over) -m str requests }", "Retry-After %[var(txn.wait)]"),
        _reply(429, replies.OVER_TOKENS, "{ var(txn.over) -m str tokens }", "Retry-After %[var(txn.wait)]"),
    ]


def _clean(*, tls: bool) -> list[str]:
    """What applications see: who it is, in headers that no client can send (nor with underscores), and no key."""
    return [
        "http-request set-var(txn.retry) str(safe) if { req.hdr(x-spillover-retry) -i safe }",
        "http-request del-header ^x[-_]spillover[-_] -m reg",
        "http-request del-header ^(authorization|x[-_]api[-_]key)$ -m reg",
        "http-request del-header accept-encoding",  # tokens cannot be counted in what is compressed
        "http-request set-header X-Spillover-Tenant %[var(txn.tenant)]",
        "http-request set-header X-Spillover-Key %[var(txn.key)]",
        f"http-request set-header X-Forwarded-Proto {'https' if tls else 'http'}",
        *_retries(),
    ]


def _retries() -> list[str]:
    return [
        "http-request set-var(txn.retry) str(safe) if { method GET HEAD }",
        "http-request disable-l7-retry unless { var(txn.retry) -m str safe }",
    ]


def _where() -> list[str]:
    """A body is waited for, up to a buffer: a slow client holds no replica, and what is whole can be sent again."""
    return [
        "http-request wait-for-body time 30s",
        _reply(413, replies.TOO_LARGE, "{ req.body_size,sub(txn.limit) -m int gt 0 }"),
        "http-request set-var(txn.slot) var(txn.place),map_str(places.map)",
        _reply(503, replies.NO_REGION, "!{ var(txn.slot) -m found }", "Retry-After 5"),
        "use_backend %[var(txn.slot)]",
    ]


def _answer() -> list[str]:
    """What was held tells in its answer where it went in the end (the server that held it is no pool)."""
    held = "{ srv_name hold }"
    return [
        "http-response set-var(txn.scan) int(1) if { res.hdr(content-type) -m beg application/json text/event-stream }",
        f"http-response set-var(txn.pool) srv_name if !{held}",
        f"http-response set-var(txn.pool) res.hdr(x-spillover-pool) if {held}",
        f"http-response set-var(txn.held) res.hdr(x-spillover-held) if {held}",
        _reply(
            503, replies.NO_REPLICA, f"{held} {{ res.hdr(x-spillover-none) -m found }}", "Retry-After 5", on="response"
        ),
        "http-response del-header ^x-spillover-(pool|held|none)$ -m reg",
        "http-response set-header X-Spillover-Pool %[var(txn.pool),field(-2,.,0)] if { var(txn.pool) -m found }",
    ]


def _held(settings: Settings) -> str:
    """Where requests wait while no server of their slot is up. They come from ourselves, and go back into the slot.

    504 and not 503 if none came: whoever sent it here must not try that again.
    """
    waited = "%[var(txn.held)]"
    lines = [
        f"bind unix@{settings.hold} mode 600 accept-proxy",
        'unique-id-format "%[var(txn.slot)];%[var(txn.retry)];%[var(txn.timeout)]"',
        "http-request set-var(txn.id) fc_pp_unique_id",
        *_fields("id", "slot", "retry", "timeout", between=";"),
        *_retries(),
        "http-request lua.hold",
        _reply(
            504, replies.NO_REPLICA, "{ var(txn.none) -m found }", "X-Spillover-None 1", f"X-Spillover-Held {waited}"
        ),
        "use_backend %[var(txn.slot)]",
        "http-response set-header X-Spillover-Pool %[srv_name] if !{ srv_name hold }",
        f"http-response set-header X-Spillover-Held {waited}",
    ]
    return "frontend held\n" + "".join(f"  {line}\n" for line in lines)


def _slot(name: str, queue_s: int, servers: Iterable[Server], settings: Settings) -> str:
    lines = [
        "balance first",
        f"timeout queue {queue_s}s",
        "option httpchk GET /-/healthz",
        "http-check expect status 200",
        "http-request set-timeout server var(txn.timeout)",
        "http-request lua.pick",
        "use-server %[var(txn.server)] if { var(txn.server) -m found }",
        f"server hold unix@{settings.hold} send-proxy-v2 proxy-v2-options unique-id backup id {HOLD_ID}",
        *(f"{as_configured(server)} {CHECK}" for server in servers if server.ready),
    ]
    return f"backend {name}\n" + "".join(f"  {line}\n" for line in lines)
