"""Keeps Serve applications alive: replicas as jobs, routes for the data plane, requests into the ledger."""
