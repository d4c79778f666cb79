"""Job types about jobs themselves."""

from jobforge.autopilots.jobforge.undo import undo_job_type

__all__ = ["undo_job_type"]
