"""The settings, and the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobforge.core.oidc import OidcRules, parse_grants
from jobforge.core.signing import Keyring

MIN_SECRET_BYTES = 32
_PREFIX = "JOBFORGE_"


def set_for_this_process(**values: str) -> None:
    """Set variables of this process's environment, as the demo does with what it switches on."""
    os.environ.update(values)


def secret_variables() -> tuple[str, ...]:
    """The variables that hold secrets."""
    return tuple(
        f"{_PREFIX}{name.upper()}"
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    )


def forget_secrets() -> None:
    """Take secrets out of this process's environment, once they were read."""
    for name in secret_variables():
        os.environ.pop(name, None)


def take_variables(names: Sequence[str]) -> dict[str, str]:
    """These variables of this process, for a program it starts; those that are not set are not."""
    return {name: os.environ[name] for name in names if name in os.environ}


class Flags(BaseSettings):
    """The switches, read anew at every decision."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True)

    autopilot_jobs_enabled: bool = Field(
        default=False, description="Whether any autopilot job may run at all."
    )
    action_jobs_enabled: bool = Field(
        default=False, description="Whether actions may run; the first switch must be on, too."
    )


_FLAG_NAMES = tuple(f"{_PREFIX}{name.upper()}" for name in Flags.model_fields)


def read_flags() -> Flags:
    """The switches as they are at this moment.

    Every decision and every claimed job asks, so what the variables say is parsed once for each
    thing they say.
    """
    return _parse_flags(tuple((name, os.environ.get(name)) for name in _FLAG_NAMES))


@lru_cache(maxsize=64)
def _parse_flags(variables: tuple[tuple[str, str | None], ...]) -> Flags:
    given = {
        name.removeprefix(_PREFIX).lower(): value for name, value in variables if value is not None
    }
    return Flags.model_validate(given)


class Settings(BaseSettings):
    """What is read once, when a process starts."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True)

    policy_token_secret: SecretStr | None = Field(
        default=None, description="Signs policy tokens; at least 32 bytes."
    )
    policy_token_previous_secrets: SecretStr | None = Field(
        default=None,
        description="Comma-separated secrets whose tokens are still accepted after a rotation.",
    )
    policy_token_expiry_hours: float = Field(
        default=1.0, gt=0, le=24, description="How long a policy token lives by default, in hours."
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL server (14 or later) of yours; unset means the embedded one.",
    )
    database_app_url: SecretStr | None = Field(
        default=None,
        description="The same database by a login that is only a member of jobforge_app; unset "
        "means that sessions of the first one become it.",
    )
    home: Path | None = Field(
        default=None,
        description="Where the embedded database and its keys live; unset means the user's "
        "data folder (/var/lib/jobforge for root).",
    )
    data_root: Path | None = Field(
        default=None,
        description="Holds one folder per tenant, named by its slug: files that payloads may name; "
        "unset means the folder `data` below the home.",
    )
    egress_allow: str = Field(
        default="",
        description="Comma-separated host, host:port or CIDR that may be reached although not "
        "public.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="Encrypts stored credentials; at least 32 bytes. Unset means a key file of "
        "mode 0600 below the home.",
    )
    oidc_issuer: str = Field(
        default="",
        description="An identity provider whose tokens are accepted beside API keys; its URL.",
    )
    oidc_audience: str = Field(
        default="jobforge", description="Whom the provider's tokens must be for."
    )
    oidc_roles: str = Field(
        default="",
        description="What the provider's groups may: comma-separated GROUP=TENANT:ROLE.",
    )
    oidc_subject_claim: str = Field(
        default="sub", description="The claim that names the person; `email` where that is fixed."
    )
    oidc_groups_claim: str = Field(
        default="groups", description="The claim that lists the person's groups."
    )
    http_requests_per_minute: int = Field(
        default=6000,
        ge=1,
        description="How often one person may ask this server, a minute.",
    )
    mcp_key: SecretStr | None = Field(
        default=None,
        description="The API key that `jobforge mcp` acts for over standard input.",
    )

    otlp_endpoint: str | None = Field(
        default=None,
        description="Where traces go (OTLP over HTTP, the whole URL); needs the extra `otel`. "
        "Unset means nowhere.",
    )

    @field_validator("policy_token_secret", "master_key")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"needs at least {MIN_SECRET_BYTES} bytes")
        return secret

    @field_validator("policy_token_previous_secrets")
    @classmethod
    def _are_long_enough(cls, secrets: SecretStr | None) -> SecretStr | None:
        if secrets is not None:
            for secret in secrets.get_secret_value().split(","):
                if len(secret.encode()) < MIN_SECRET_BYTES:
                    raise ValueError(f"each needs at least {MIN_SECRET_BYTES} bytes")
        return secrets


def oidc_rules(settings: Settings) -> OidcRules | None:
    """Whose tokens are accepted, and what their groups may; None where no issuer is set.

    Raises:
        SettingInvalid: a group's role cannot be read.
    """
    if not settings.oidc_issuer:
        return None
    return OidcRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        subject_claim=settings.oidc_subject_claim,
        groups_claim=settings.oidc_groups_claim,
        grants=parse_grants(settings.oidc_roles),
    )


def token_keyring(settings: Settings) -> Keyring:
    """The secrets that sign policy tokens, and those whose tokens are accepted still."""
    current, previous = settings.policy_token_secret, settings.policy_token_previous_secrets
    return Keyring.of(
        None if current is None else current.get_secret_value().encode(),
        () if previous is None else [s.encode() for s in previous.get_secret_value().split(",")],
    )
