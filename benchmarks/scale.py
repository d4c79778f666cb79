"""Where the first wall is with 100 workers and 10,000 tenants: a simulation, no measurement.

Workers begin, run and settle batches against one server. A call takes the server's time for each of
its children on one of its cores; settling then waits for its commit, and from its last step to the
end of the commit holds the audit chains of its tenants. The times are measured ones; see
`docs/explanation/scale.md`.
"""

from __future__ import annotations

import heapq
import random
import sys
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

BATCH = 100
GROUP = 10
"""Children of one tenant in a queue row."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds: for one child, but `commit`, which is for one batch."""

    server_begin: float = 16
    server_settle: float = 66
    server_submit: float = 70
    server_queue: float = 8
    worker: float = 200
    commit: float = 1_500


@dataclass(slots=True)
class Server:
    """Cores, each free from some moment on, and chains, each locked until some moment."""

    cores: list[float]
    chains: dict[int, float] = field(default_factory=dict)

    def use(self, at: float, duration: float) -> float:
        """Take the core that is free first; when it is done."""
        start = max(at, heapq.heappop(self.cores))
        heapq.heappush(self.cores, start + duration)
        return start + duration

    def lock(self, at: float, tenants: list[int], held: float) -> float:
        """Hold the chains of these tenants until a commit; when it is done."""
        end = max([at, *(self.chains.get(tenant, 0.0) for tenant in tenants)]) + held
        self.chains.update(dict.fromkeys(tenants, end))
        return end


def simulate(workers: int, tenants: int, cores: int, costs: Costs, *, seconds: float) -> float:
    """Children per second that are submitted, run and settled."""
    server = Server([0.0] * cores)
    dice = random.Random(0)  # noqa: S311 (a simulation that repeats itself)
    before = (costs.server_submit + costs.server_queue + costs.server_begin) * BATCH
    # Each worker asks for its next call at a moment; True where it is to begin a batch.
    due = [(0.0, worker, True) for worker in range(workers)]
    end, done = seconds * 1e6, 0
    while due[0][0] < end:
        now, worker, begins = heapq.heappop(due)
        if begins:
            begun = server.use(now, before)
            heapq.heappush(due, (begun + costs.worker * BATCH, worker, False))
            continue
        settled = server.use(now, costs.server_settle * BATCH)
        chains = [dice.randrange(tenants) for _ in range(BATCH // GROUP)]
        committed = server.lock(settled, chains, costs.commit)
        heapq.heappush(due, (committed, worker, True))
        done += BATCH if committed < end else 0
    return done / seconds


def main() -> None:
    """Print children per second by workers, tenants and the server's cores."""
    costs = Costs()
    table = Table("tenants", "cores", *(f"{workers} workers" for workers in (1, 2, 10, 30, 100)))
    for tenants in (1, 100, 10_000):
        for cores in (2, 8, 32):
            rates = [
                simulate(workers, tenants, cores, costs, seconds=5)
                for workers in (1, 2, 10, 30, 100)
            ]
            table.add_row(f"{tenants:,}", str(cores), *(f"{rate:,.0f}" for rate in rates))
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
