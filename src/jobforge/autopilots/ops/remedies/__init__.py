"""Ready changes: what `autopilot.ops.apply` can do about a finding."""
