"""The catalogue: every job type that can run here, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jobforge.core.job_type import JobType

AnyJobType = JobType[Any, Any]


class JobCatalog:
    """Job types by full name. What is not in it is unknown, never guessed."""

    def __init__(self, job_types: Iterable[AnyJobType]) -> None:
        self._by_name: dict[str, AnyJobType] = {}
        for job_type in job_types:
            if job_type.name in self._by_name:
                raise ValueError(f"two job types are called {job_type.name}")
            self._by_name[job_type.name] = job_type

    def find(self, name: str) -> AnyJobType | None:
        """The job type of this full name, or None."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[AnyJobType]:
        return iter(sorted(self._by_name.values(), key=lambda job_type: job_type.name))
