"""Looks at live systems: TLS servers, DNS, this machine, PostgreSQL."""

from jobforge.adapters.probes.live import LiveProbes

__all__ = ["LiveProbes"]
