"""`jobforge token`: policy tokens, each for one plan and one use."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from jobforge.bootstrap import Application
from jobforge.contract.dialects import TranslatedBundle, read_bundle
from jobforge.core.errors import InvalidInput
from jobforge.core.plan import effects_to_json
from jobforge.core.policy_token import read_token
from jobforge.core.single_request import key_for_token, to_bundle
from jobforge.entrypoints.cli.bundles import read_input
from jobforge.entrypoints.cli.jobs import read_payload
from jobforge.entrypoints.cli.options import AsJson, Project, Tenant
from jobforge.entrypoints.cli.run_view import show_effects
from jobforge.entrypoints.cli.session import errors, local_actor, out, print_json, run
from jobforge.steps.intake import Submission
from jobforge.use_cases.issue_token import IssuedToken, TokenWish

app = typer.Typer(help="Issue, inspect and revoke policy tokens.", no_args_is_help=True)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command()
def issue(  # noqa: PLR0913, PLR0917 (an option each)
    tenant: Tenant,
    actor: Annotated[
        str, typer.Option("--actor", metavar="A", help="Whom it is for; only recorded.")
    ],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="The bundle it is for.")
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="TYPE", help="Or the one job type it is for,")
    ] = None,
    payload: Annotated[
        Path | None, typer.Option("--payload", metavar="FILE", help="with this payload.")
    ] = None,
    project: Project = None,
    action: Annotated[
        list[str] | None,
        typer.Option(
            "--action",
            metavar="JOB_TYPE",
            help="Only for this type; may be repeated. Default: every type that needs a token.",
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="S", help="Only these scopes. Default: those needed."),
    ] = None,
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", metavar="15m", help="How long it lives: seconds, m or h."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Issue a token for exactly the plan that this bundle makes now. It is shown once.

    Example: jobforge token issue --bundle bundle.json --tenant acme --actor me@example.com
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        project_id = await app.names.project(owner, project)
        jti = app.ids.uuid()
        submission = Submission(owner, local_actor(), "dry_run", project_id)
        issued = await app.issue_token(
            _read(bundle, job, payload, owner.slug, jti),
            submission,
            TokenWish(
                jti=jti,
                actor=actor,
                lifetime=parse_lifetime(expires_in) if expires_in else app.token_lifetime,
                job_types=frozenset(action or ()),
                scopes=frozenset(scope or ()),
            ),
        )
        _show(issued, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command()
def inspect(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token; - reads it.")],
    as_json: AsJson = False,
) -> None:
    """Show what a token says, if one of our secrets signed it."""

    async def command(app: Application) -> int:
        text = typer.get_text_stream("stdin").read().strip() if token == "-" else token  # noqa: S105 (a dash, not a secret)
        claims = read_token(text, keyring=app.token_keyring)
        if claims is None:
            raise InvalidInput("this is not a policy token signed with one of our secrets")
        document = claims.model_dump(mode="json")
        if as_json:
            print_json(document)
        else:
            for name, value in document.items():
                out.print(f"{name:10} {value}", markup=False)
            is_over = app.clock.now() >= claims.expires_at
            out.print(f"expires    {claims.expires_at:%Y-%m-%d %H:%M:%S}Z", end=" ")
            out.print("(expired)" if is_over else "(in time)")
        return 0

    run(command, as_json=as_json)


@app.command()
def revoke(
    jti: Annotated[UUID, typer.Argument(metavar="JTI", help="The token's id.")],
    tenant: Tenant,
    as_json: AsJson = False,
) -> None:
    """Revoke a token, whether it was used or not."""

    async def command(app: Application) -> int:
        is_new = await app.revoke_token(jti, await app.names.tenant(tenant), local_actor())
        if as_json:
            print_json({"jti": str(jti), "revoked": True, "was_revoked_before": not is_new})
        else:
            out.print(f"Token {jti} is revoked" + ("" if is_new else ", as it was before"))
        return 0

    run(command, as_json=as_json)


def parse_lifetime(text: str) -> timedelta:
    """Read `900`, `90s`, `15m`, `1h` or `30d`.

    Raises:
        InvalidInput: it is none of these.
    """
    match = re.fullmatch(r"(\d{1,6})([smhd]?)", text)
    if match is None:
        raise InvalidInput(f"{text!r} is no time", hint="write 90s, 15m, 1h or 30d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2] or "s"])


def _read(
    bundle: Path | None, job: str | None, payload: Path | None, tenant: str, jti: UUID
) -> TranslatedBundle:
    if bundle is not None and job is None and payload is None:
        return read_bundle(read_input(bundle))
    if bundle is None and job is not None and payload is not None:
        return to_bundle(job, read_payload(payload), tenant=tenant, key=key_for_token(jti))
    raise InvalidInput("give either --bundle FILE, or --job TYPE with --payload FILE")


def _show(issued: IssuedToken, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "token": issued.token,
                "jti": str(issued.jti),
                "plan_digest": issued.plan_digest,
                "effects_digest": issued.effects_digest,
                "job_types": list(issued.job_types),
                "scopes": list(issued.scopes),
                "expires_at": issued.expires_at.isoformat(),
                "effects": effects_to_json(issued.effects),
            }
        )
        return
    show_effects(issued.effects, errors)
    errors.print(
        f"Token {issued.jti} for {', '.join(issued.job_types)}, "
        f"until {issued.expires_at:%H:%M:%S}Z. It works once, and is shown once:"
    )
    typer.echo(issued.token)
