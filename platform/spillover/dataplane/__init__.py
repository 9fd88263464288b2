"""The one address of served applications: HAProxy, its configuration and its control."""
