"""Job types about jobs themselves."""

from jobforge.autopilots.jobforge.execute_request_bundle import EXECUTE_REQUEST_BUNDLE
from jobforge.autopilots.jobforge.undo import undo_job_type

__all__ = ["EXECUTE_REQUEST_BUNDLE", "undo_job_type"]
