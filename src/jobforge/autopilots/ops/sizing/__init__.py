"""Right-sizing: how much to request, and how often that will not do."""
