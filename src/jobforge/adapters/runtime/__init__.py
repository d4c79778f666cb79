"""Running handlers: their contexts, and the calling itself."""
