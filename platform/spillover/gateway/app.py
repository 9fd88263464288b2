"""The web application: which path leads to which handler."""

from __future__ import annotations

from aiohttp import web

from . import jobs, middleware, own, packages, tail
from .service import JobService
from .web import MAX_JSON_BYTES, SERVICE

_OWN = "/api/spillover/v1"


def build_app(service: JobService, *, ping_every_s: float = 20.0) -> web.Application:
    """The gateway in front of a service. `ping_every_s` keeps idle log streams alive through proxies."""
    app = web.Application(middlewares=[middleware.errors, middleware.auth], client_max_size=MAX_JSON_BYTES)
    app[SERVICE] = service
    app[tail.TAILS] = tail.Tails(ping_every_s)
    # Runs before the server waits for its handlers, which a followed log would keep busy for hours.
    app.on_shutdown.append(app[tail.TAILS].cut)
    app.add_routes([*_ray_routes(), *_own_routes()])
    return app


def _ray_routes() -> list[web.RouteDef]:
    routes = [
        web.get("/api/version", jobs.version),
        web.get("/api/authentication_mode", jobs.authentication_mode),
        web.get("/api/packages/{protocol}/{name}", packages.has_package),
        web.put("/api/packages/{protocol}/{name}", packages.put_package),
        web.get("/api/jobs/{any_id}", jobs.get_job),
        web.delete("/api/jobs/{any_id}", jobs.delete_job),
        web.post("/api/jobs/{any_id}/stop", jobs.stop_job),
        web.get("/api/jobs/{any_id}/logs", jobs.get_logs),
        web.get("/api/jobs/{any_id}/logs/tail", tail.tail_logs),
    ]
    for path in ("/api/jobs/", "/api/jobs"):  # Ray's clients send the slash; people forget it
        routes += [web.get(path, jobs.list_jobs), web.post(path, jobs.submit)]
    return routes


def _own_routes() -> list[web.RouteDef]:
    return [
        web.get(f"{_OWN}/health", own.health),
        web.get(f"{_OWN}/queue", own.queue),
        web.get(f"{_OWN}/pools", own.pools),
        web.get(f"{_OWN}/jobs/{{any_id}}/explain", own.explain),
        web.get(f"{_OWN}/cost", own.cost),
        web.get(f"{_OWN}/events", own.events),
        web.get(middleware.LINKED_PACKAGE, own.linked_package),
        web.post(f"{_OWN}/pools/{{pool}}/fence", own.fence),
        web.post(f"{_OWN}/pools/{{pool}}/fold", own.fold),
    ]
