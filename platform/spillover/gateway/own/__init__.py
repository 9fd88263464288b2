"""Spillover's own API, under `/api/spillover/v1/`: one file a noun, one `Endpoint` a call."""

from __future__ import annotations

from . import api_keys, applications, cost, events, hosts, jobs, pools, queue, quote, shadow, status, tokens, usage
from .endpoint import ROOT, Endpoint
from .openapi import describing

_CALLS: tuple[Endpoint, ...] = (
    *status.ENDPOINTS,
    *queue.ENDPOINTS,
    *jobs.ENDPOINTS,
    *quote.ENDPOINTS,
    *pools.ENDPOINTS,
    *hosts.ENDPOINTS,
    *applications.ENDPOINTS,
    *api_keys.ENDPOINTS,
    *cost.ENDPOINTS,
    *usage.ENDPOINTS,
    *shadow.ENDPOINTS,
    *events.ENDPOINTS,
    *tokens.ENDPOINTS,
)

ENDPOINTS = (*_CALLS, *describing(_CALLS))

__all__ = ["ENDPOINTS", "ROOT", "Endpoint"]
