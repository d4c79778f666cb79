"""Personal data of tickets: where the input is kept, and nowhere else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tests.application import say
from tests.autopilots.support.test_canary import FAULTS, RUNS, find_canaries

from jobforge.adapters.logging import configure_logging

if TYPE_CHECKING:
    from tests.application import Harness


INPUTS = {"jobforge.jobs.payload", "jobforge.plans.requests"}


async def places_of_canaries(app: Harness) -> set[str]:
    """The columns of the database that hold one, and the files of the home."""
    found = set()
    async with app.owner() as owner:
        for table in await owner.fetch(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
            "WHERE schemaname IN ('jobforge', 'pgqueuer')"
        ):
            for row in await owner.fetch(f"SELECT * FROM {table['name']}"):  # noqa: S608 (a name of the catalogue)
                for column, value in row.items():
                    is_bytes = isinstance(value, bytes)
                    text = value.decode("latin-1") if is_bytes else str(value)
                    if find_canaries(text):
                        found.add(f"{table['name']}.{column}")
    files = (path for path in app.app.home.rglob("*") if path.is_file())
    found |= {path.name for path in files if find_canaries(path.read_bytes().decode("latin-1"))}
    return found


async def test_a_personal_datum_stands_where_the_input_is_kept_and_nowhere_else(
    app: Harness,
) -> None:
    logged = io.StringIO()
    configure_logging(stream=logged)
    requests = [
        say(number, payload=given, job_type=job_type.name)
        for number, (job_type, given) in enumerate((*RUNS, *FAULTS))
    ]

    result = await app.run(*requests)

    answers = ""
    for child in result.child_runs:
        if child.job_id is not None:
            answers += (await app.app.show_job.answer(child.job_id, app.tenant)).model_dump_json()
    statuses = [child.status for child in result.child_runs]
    assert statuses[: len(RUNS)] == ["executed"] * len(RUNS)
    assert set(statuses[len(RUNS) :]) == {"error", "denied"}
    assert answers.count('"manifest_version"') > len(RUNS)
    assert find_canaries(answers + result.model_dump_json() + logged.getvalue()) == []
    assert await places_of_canaries(app) == INPUTS
