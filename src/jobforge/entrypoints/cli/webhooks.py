"""`jobforge webhook`: endpoints that are told of decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.options import AsJson, Limit, Tenant
from jobforge.entrypoints.cli.session import errors, local_actor, new_table, out, print_json, run
from jobforge.ports.webhooks import DeliveryRecord, WebhookRecord
from jobforge.use_cases.keep_webhooks import CreatedWebhook

app = typer.Typer(help="Tell endpoints of decisions, signed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The webhook's name.")]


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are posted.")],
    tenant: Tenant,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="EVENT", help="Only these; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a webhook. Its secret is shown once; messages are signed with it.

    Example: jobforge webhook add chat https://hooks.example/x --tenant acme --event run.finished
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        created = await app.webhooks.add(name, url, event or [], owner, local_actor())
        _show_created(created, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_webhooks(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's webhooks, without their secrets."""

    async def command(app: Application) -> int:
        found = await app.webhooks.all(await app.names.tenant(tenant))
        if as_json:
            print_json([to_json(webhook) for webhook in found])
            return 0
        table = new_table("name", "url", "events", "added")
        for w in found:
            when = w.created_at.isoformat(sep=" ", timespec="seconds")
            table.add_row(Text(w.name), Text(w.url), ", ".join(w.events) or "all", when)
        out.print(table if found else "No webhook yet: jobforge webhook add NAME URL")
        return 0

    run(command, as_json=as_json)


@app.command()
def show(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a webhook, without its secret."""

    async def command(app: Application) -> int:
        webhook = await app.webhooks.show(name, await app.names.tenant(tenant))
        if as_json:
            print_json(to_json(webhook))
            return 0
        for label, value in to_json(webhook).items():
            out.print(f"{label:12} {value}", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command()
def rotate(
    name: Name,
    tenant: Tenant,
    grace: Annotated[
        int,
        typer.Option("--grace", metavar="SECONDS", help="Sign with the old secret so long, too."),
    ] = 86_400,
    as_json: AsJson = False,
) -> None:
    """Give a webhook another secret; messages carry both signatures until the grace is over."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        kept = timedelta(seconds=grace)
        created = await app.webhooks.rotate(name, owner, local_actor(), grace=kept)
        _show_created(created, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command()
def remove(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Forget a webhook, and all that was to be told it."""

    async def command(app: Application) -> int:
        await app.webhooks.remove(name, await app.names.tenant(tenant), local_actor())
        if as_json:
            print_json({"name": name, "removed": True})
        else:
            out.print(f"Removed {name}", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command()
def deliveries(name: Name, tenant: Tenant, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List what a webhook is or was to be told, the newest first."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        found = await app.webhooks.deliveries(name, owner, limit)
        if as_json:
            print_json([delivery_to_json(delivery) for delivery in found])
            return 0
        table = new_table("id", "event", "about", "state", "attempts", "answer")
        for d in found:
            table.add_row(
                str(d.delivery_id), d.event, Text(d.subject), d.state, str(d.attempts),
                Text(d.answer or ""),
            )  # fmt: skip
        out.print(table if found else "There was nothing to tell yet.")
        return 0

    run(command, as_json=as_json)


@app.command()
def replay(
    name: Name,
    delivery_id: Annotated[UUID, typer.Argument(metavar="ID", help="The delivery's id.")],
    tenant: Tenant,
    as_json: AsJson = False,
) -> None:
    """Deliver something anew from now on, whatever became of it."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        await app.webhooks.replay(name, delivery_id, owner, local_actor())
        if as_json:
            print_json({"id": str(delivery_id), "state": "waiting"})
        else:
            out.print("It is delivered anew; a worker has to run", markup=False)
        return 0

    run(command, as_json=as_json)


def _show_created(created: CreatedWebhook, *, as_json: bool) -> None:
    if as_json:
        print_json(to_json(created.record) | {"secret": created.secret})
        return
    errors.print("This is the secret; it is not shown again:")
    out.print(created.secret, markup=False, soft_wrap=True)


def to_json(webhook: WebhookRecord) -> dict[str, object]:
    """A webhook as `--json` shows it."""
    return {
        "name": webhook.name,
        "id": str(webhook.webhook_id),
        "url": webhook.url,
        "events": list(webhook.events),
        "created_by": webhook.created_by,
        "created_at": webhook.created_at.isoformat(),
    }


def delivery_to_json(delivery: DeliveryRecord) -> dict[str, object]:
    """A delivery as `--json` shows it."""
    ended = delivery.delivered_at
    return {
        "id": str(delivery.delivery_id),
        "event": delivery.event,
        "subject": delivery.subject,
        "happened_at": delivery.happened_at.isoformat(),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at.isoformat(),
        "delivered_at": None if ended is None else ended.isoformat(),
        "answer": delivery.answer,
    }
