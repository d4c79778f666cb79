"""JobForge: recommendations become work, planned, gated, walled off by tenant and proven."""

__version__ = "0.1.0"
