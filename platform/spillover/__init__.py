"""Spillover: one queue in front of every Ray cluster that a team owns or rents."""

__version__ = "0.1.0"
