"""A ticket as the support job types take it, and how a module's own form becomes ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from jobforge.core.model import Model

CustomerTier = Literal["free", "starter", "pro", "enterprise"]


class Attachment(Model):
    """A file that came with the ticket; only its description travels."""

    name: str = Field(max_length=1_000)
    content_type: str = Field(max_length=255)
    size: int = Field(ge=0, description="Bytes.")


class TicketContent(Model):
    """What the customer wrote."""

    subject: str = Field(max_length=2_000)
    body: str = Field(max_length=200_000)
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _says_something(self) -> TicketContent:
        if not self.subject.strip() and not self.body.strip():
            raise ValueError("subject and body are both empty: there is nothing to read")
        return self

    @property
    def text(self) -> str:
        """Subject and body as one text."""
        return f"{self.subject}\n{self.body}".strip()


class CustomerContext(Model):
    """What is known about the customer."""

    customer_id: str = Field(min_length=1, max_length=256)
    tier: CustomerTier | None = None
    history_summary: str | None = Field(default=None, max_length=20_000)


def translate_ticket(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a module's `subject` and `body_preview` into `ticket_content`; leave ours as it is."""
    translated = {key: value for key, value in payload.items() if key != "_metadata"}
    if "ticket_content" in translated or not {"subject", "body_preview"} & translated.keys():
        return translated
    subject = translated.pop("subject", "")
    body = translated.pop("body_preview", "")
    translated["ticket_content"] = {"subject": subject, "body": body}
    return translated
