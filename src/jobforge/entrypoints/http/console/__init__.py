"""The web console: pages over the same use cases, asked through the same `authorize`."""
