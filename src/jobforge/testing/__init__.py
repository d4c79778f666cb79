"""For tests of job types, ours and third parties': a context that lives in memory."""

from jobforge.testing.context import MemoryContext

__all__ = ["MemoryContext"]
