"""Job types about jobs themselves."""

from jobforge.autopilots.jobforge.execute_request_bundle import EXECUTE_REQUEST_BUNDLE
from jobforge.autopilots.jobforge.run_module_cli import RUN_MODULE_CLI
from jobforge.autopilots.jobforge.undo import undo_job_type

__all__ = ["EXECUTE_REQUEST_BUNDLE", "RUN_MODULE_CLI", "undo_job_type"]
