"""The web application: which path leads to which handler."""

from __future__ import annotations

from aiohttp import web

from . import jobs, middleware, packages, serve, tail
from .own import ENDPOINTS
from .service import Services
from .web import MAX_JSON_BYTES, SERVICES


def build_app(services: Services, *, ping_every_s: float = 20.0) -> web.Application:
    """The gateway in front of the services. `ping_every_s` keeps idle log streams alive through proxies."""
    app = web.Application(middlewares=[middleware.errors, middleware.auth], client_max_size=MAX_JSON_BYTES)
    app[SERVICES] = services
    app[tail.TAILS] = tail.Tails(ping_every_s)
    # Runs before the server waits for its handlers, which a followed log would keep busy for hours.
    app.on_shutdown.append(app[tail.TAILS].cut)
    app.add_routes([*_ray_routes(), *(endpoint.route for endpoint in ENDPOINTS)])
    return app


def _ray_routes() -> list[web.RouteDef]:
    routes = [
        web.get("/api/version", jobs.version),
        web.get("/api/ray/version", jobs.version),
        web.get("/api/authentication_mode", jobs.authentication_mode),
        web.get("/api/packages/{protocol}/{name}", packages.has_package),
        web.put("/api/packages/{protocol}/{name}", packages.put_package),
        web.get("/api/jobs/{any_id}", jobs.get_job),
        web.delete("/api/jobs/{any_id}", jobs.delete_job),
        web.post("/api/jobs/{any_id}/stop", jobs.stop_job),
        web.get("/api/jobs/{any_id}/logs", jobs.get_logs),
        web.get("/api/jobs/{any_id}/logs/tail", tail.tail_logs),
    ]
    for path in (serve.PATH, serve.PATH.rstrip("/")):
        routes += [web.get(path, serve.get_applications), web.put(path, serve.put_applications)]
        routes += [web.delete(path, serve.delete_applications)]
    for path in ("/api/jobs/", "/api/jobs"):  # Ray's clients send the slash; people forget it
        routes += [web.get(path, jobs.list_jobs), web.post(path, jobs.submit)]
    return routes
