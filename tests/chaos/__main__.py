"""`make chaos`: random faults during a load. The last line printed is one JSON object.

    python -m tests.chaos [--seed 7] [--faults 200] [--jobs 20000] [--tenants 20]

A seed draws the same faults, of the same length, in the same order and at the same distances.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.chaos.faults import describe, draw_faults
from tests.chaos.run import SHORT, Size, opened


async def main() -> int:
    """Run it; 1 where something was lost, done twice or left over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--faults", type=int, default=Size.faults)
    parser.add_argument("--jobs", type=int, default=Size.jobs)
    parser.add_argument("--tenants", type=int, default=Size.tenants)
    parser.add_argument("--short", action="store_true", help="as with the tests")
    parser.add_argument("--home", type=Path, help="keep everything here, to look at it later")
    asked = parser.parse_args()
    size = Size(faults=asked.faults, jobs=asked.jobs, tenants=asked.tenants)
    size = SHORT if asked.short else size
    drawn = draw_faults(size.faults, Random(asked.seed))
    sys.stdout.write(f"seed {asked.seed}: {describe(drawn)}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="jobforge-chaos-") as name:
        home = asked.home or Path(name)
        home.mkdir(parents=True, exist_ok=True)
        async with opened(size, asked.seed, home) as chaos:
            report = await chaos.run()
            for line in chaos.load.unexpected[:10]:
                sys.stdout.write(f"not accepted: {line}\n")
    sys.stdout.write(f"{report.to_json()}\n")
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
