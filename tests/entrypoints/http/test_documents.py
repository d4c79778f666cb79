"""The reference pages say what the code says: routes, roles, codes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.entrypoints.http.route_table import table

from jobforge.core.actor import Role
from jobforge.core.authorization import ROLES_OF, WHOLE_TENANT, Command
from jobforge.entrypoints.http.errors import codes

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def rows_of(page: str) -> list[list[str]]:
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| `")
    ]


async def test_the_page_of_the_api_has_every_route_with_its_command(api: Api) -> None:
    paths = api.app.openapi()["paths"]

    wanted = {
        (
            f"`{route.method} {route.path}`",
            f"`{route.command}`" if route.command else "anybody",
            first_sentence(paths[route.path][route.method.lower()]),
        )
        for route in table()
    }

    assert {tuple(row) for row in rows_of("http-api.md") if len(row) == 3} == wanted


def first_sentence(operation: dict[str, Any]) -> str:
    return str(operation["description"]).partition(".")[0].replace("\n", " ") + "."


def test_every_code_of_a_problem_has_its_heading() -> None:
    text = (REFERENCE / "http-api.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^### ([A-Z_]+)$", text, re.MULTILINE)) == set(codes())


def test_the_page_of_roles_is_the_matrix() -> None:
    wanted = [
        [
            f"`{command}`",
            *("yes" if role in ROLES_OF[command] else "" for role in Role),
            "yes" if command in WHOLE_TENANT else "",
        ]
        for command in Command
    ]

    assert rows_of("roles.md") == wanted


async def test_every_operation_is_described_with_its_errors_and_an_example(api: Api) -> None:
    document = api.app.openapi()

    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            if not operation.get("security"):
                continue
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), (method, path)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    (content,) = response["content"].values()
                    assert content["example"]["status"] == int(status), (method, path)
