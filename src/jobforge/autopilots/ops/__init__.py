from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.scan import SCAN

__all__ = ["APPLY", "SCAN"]
