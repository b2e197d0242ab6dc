"""What stands around a client: its packages, the scripted upstreams, the gateway, and the report."""
