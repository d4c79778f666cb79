"""Secrets are masked by their form and by the name of their key, at any depth."""

from __future__ import annotations

import time
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.redaction import mask_secrets, mask_text, redact_event
from jobforge.core.secret_patterns import MASK, is_secret_name

# Put together here, so that no scanner takes this file for a leak.
FAKE = {
    "openai": "sk-" + "jobforge-abc123xyz",
    "openai project": "sk-" + "proj-AbCdEf_ghij-KLmn0p",
    "stripe": "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "stripe webhook": "whsec" + "_" + "a1B2c3D4e5F6g7H8",
    "aws key id": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "SyA-1234567890abcdefghijklmnopqrstu",
    "github": "ghp" + "_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "github fine": "github" + "_pat_" + "11AAAAAAA0abcdefghijkl_mnop",
    "gitlab": "glpat" + "-" + "AbCdEf1234567890abcd",
    "slack": "xoxb" + "-" + "123456789012-abcdefABCDEF",
    "sendgrid": "SG." + "ngeVfQFYQlKU0ufo8x5d1A" + "." + "TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc",
    "npm": "npm" + "_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "vault": "hvs" + "." + "CAESIJ1234567890abcdefghij",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r",
}
PRIVATE_KEY = (
    "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow\nIBAAKCAQ\n-----END RSA PRIVATE KEY-----"
)


@pytest.mark.parametrize("secret", FAKE.values(), ids=FAKE)
@pytest.mark.parametrize("around", ["{}", "my key is {}, help", '{{"k": "{}"}}', "k={} x", "({})"])
def test_a_known_form_is_masked_wherever_it_stands(secret: str, around: str) -> None:
    masked = mask_text(around.format(secret))

    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer [masked]"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', '{"authorization": "Basic [masked]"}'),
        ("curl -H 'Authorization: token abcd1234'", "curl -H 'Authorization: token [masked]'"),
        ("use bearer a.b-c_d123 here", "use bearer [masked] here"),
        ("Basic dXNlcjpwYXNz", "Basic [masked]"),
        ("postgresql://app:s3cret@db/x", "postgresql://app:[masked]@db/x"),
        ("redis://:p@ss@host:6379/0", "redis://:[masked]@host:6379/0"),
        ("https://u:p@a.b and ftp://c:d@e", "https://u:[masked]@a.b and ftp://c:[masked]@e"),
        ("host=db password=hunter2 port=5", "host=db password=[masked] port=5"),
        ("DB_PASSWORD='hunter two'", "DB_PASSWORD='[masked] two'"),
        ("https://x.y/?api_key=abcdef&page=2", "https://x.y/?api_key=[masked]&page=2"),
        ("AccountName=a;AccountKey=abcd/efgh==;x", "AccountName=a;AccountKey=[masked];x"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7", "aws_secret_access_key = [masked]"),
        ("my password: hunter2", "my password: [masked]"),
        (
            "https://hooks.slack.com/services/T0/B0/abcdef",
            "https://hooks.slack.com/services/[masked]",
        ),
        (f"before {PRIVATE_KEY} after", "before [masked] after"),
        (PRIVATE_KEY.rsplit("\n", 1)[0], "[masked]"),
    ],
)
def test_only_the_secret_part_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "monkey business with a keyboard",
        "token_count=512 max_tokens=4096 next_page_token=abcdef",
        "the bearer of this letter, basic training, bearer authentication required",
        "Password: please help me reset it",
        "I forgot my password and the secret: it was easy",
        "risk-analysis-report-2024 and task-force-141 and sk-SK locale",
        "https://example.com:443/@user/path?x=1",
        "mailto:help@example.com 12:30@noon",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "design=modern signal=strong assign=me",
        "550e8400-e29b-41d4-a716-446655440000",
        "The key: value store; primary key=id",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "userPassword",
        "auth",
        "Authorization",
        "api_key",
        "apiKey",
        "APIKey",
        "x-api-key",
        "client_secret",
        "clientSecret",
        "accessToken",
        "policy_token",
        "token",
        "private-key",
        "aws_secret_access_key",
        "credentials",
        "connectionString",
        "Set-Cookie",
        "passphrase",
    ],
)
def test_a_name_that_holds_a_secret_is_known(name: str) -> None:
    assert is_secret_name(name)
    assert mask_secrets({name: "x"}) == ({name: MASK}, (f"/{name}",))


@pytest.mark.parametrize(
    "name",
    [
        "monkey",
        "token_count",
        "max_tokens",
        "next_page_token",
        "pageToken",
        "keyboard",
        "primary_key",
        "idempotency_key",
        "public_key",
        "author",
        "secretary",
        "password_reset_requested",
        "requires_policy_token_count",
        "authentication_method",
        "",
        "___",
    ],
)
def test_an_ordinary_name_is_not_taken_for_one(name: str) -> None:
    assert not is_secret_name(name)


def test_values_under_secret_names_are_masked_and_named_by_pointer() -> None:
    value = {
        "user": "ada",
        "db": {"password": "hunter2", "pin/otp": 1234, "port": 5432},
        "list": [{"apiKey": "abc"}, {"token_count": 5, "monkey": "m"}],
    }

    masked, pointers = mask_secrets(value)

    assert masked == {
        "user": "ada",
        "db": {"password": MASK, "pin/otp": MASK, "port": 5432},
        "list": [{"apiKey": MASK}, {"token_count": 5, "monkey": "m"}],
    }
    assert pointers == ("/db/password", "/db/pin~1otp", "/list/0/apiKey")


@pytest.mark.parametrize("value", [None, True, False, ""])
def test_what_says_nothing_stays_under_a_secret_name(value: object) -> None:
    assert mask_secrets({"requires_auth": value, "password": value})[1] == ()


def test_everything_in_a_group_of_secrets_is_masked() -> None:
    masked, _ = mask_secrets({"credentials": {"user": "ada", "parts": ["a", 1, None]}})

    assert masked == {"credentials": {"user": MASK, "parts": [MASK, MASK, None]}}


def test_a_group_called_auth_is_judged_by_its_members() -> None:
    masked, _ = mask_secrets({"auth": {"type": "basic", "password": "x"}})

    assert masked == {"auth": {"type": "basic", "password": MASK}}


def test_a_pair_of_name_and_value_is_understood() -> None:
    masked, pointers = mask_secrets(
        [{"name": "Authorization", "value": "abc"}, {"name": "Accept", "value": "abc"}]
    )

    assert masked == [{"name": "Authorization", "value": MASK}, {"name": "Accept", "value": "abc"}]
    assert pointers == ("/0/value",)


def test_a_secret_in_a_key_is_masked_and_no_entry_is_lost() -> None:
    masked, pointers = mask_secrets({FAKE["openai"]: 1, FAKE["openai project"]: 2})

    assert masked == {MASK: 1, f"{MASK} 2": 2}
    assert pointers == ("/[masked]", "/[masked] 2")


def test_the_original_is_left_alone() -> None:
    original = {"a": [FAKE["openai"]]}

    mask_secrets(original)

    assert original == {"a": [FAKE["openai"]]}


def test_a_text_by_itself_gives_the_pointer_of_the_whole() -> None:
    assert mask_secrets(f"x {FAKE['openai']}") == (f"x {MASK}", ("",))


def test_no_depth_is_too_deep() -> None:
    value: Any = {"password": "hunter2"}
    for _ in range(5_000):
        value = [value]

    masked, pointers = mask_secrets(value)

    for _ in range(5_000):
        (masked,) = masked
    assert masked == {"password": MASK}
    assert pointers == ("/0" * 5_000 + "/password",)


def test_mappings_tuples_and_sets_are_looked_into() -> None:
    masked, _ = mask_secrets({"a": (FAKE["openai"],), "b": {FAKE["google"]}})

    assert masked == {"a": [MASK], "b": [MASK]}


def test_an_object_is_kept_unless_its_repr_shows_a_secret() -> None:
    harmless, harmful = ValueError("x"), ValueError(f"bad key {FAKE['openai']}")

    masked, _ = mask_secrets([harmless, harmful])

    assert masked[0] is harmless
    assert masked[1] == "ValueError('bad key [masked]')"


def test_a_log_line_comes_out_masked() -> None:
    renderer = structlog.processors.JSONRenderer(sort_keys=True)
    log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[redact_event, renderer])

    line = log.info("sent", api_key="abc", note=f"key {FAKE['openai']}", token_count=3)

    assert (
        line == '{"api_key": "[masked]", "event": "sent", "note": "key [masked]", "token_count": 3}'
    )


WORDS = (
    "=",
    ":",
    "@",
    "/",
    "://u:p@",
    "Bearer",
    "bearer",
    "basic",
    "Authorization:",
    "password",
    "password=",
    "token=",
    "secret:",
    "?",
)


def test_secrets_without_a_gap_between_them_are_all_masked() -> None:
    assert mask_text(f"{FAKE['google'] * 3} and {FAKE['google']}") == f"{MASK * 3} and {MASK}"


def test_a_tangle_of_secrets_is_masked_as_a_whole() -> None:
    assert mask_text(f"before {FAKE['google'] * 20} after") == MASK


PIECES = st.sampled_from(
    [
        *FAKE.values(),
        PRIVATE_KEY,
        MASK,
        *WORDS,
        " ",
        "\n",
        "hunter2",
        '"',
        "a",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask_text(text)

    assert mask_text(once) == once


@given(
    st.recursive(
        st.text(max_size=5) | st.integers() | PIECES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(PIECES | st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_no_known_secret_survives_and_masked_values_are_stable(value: object) -> None:
    masked, _ = mask_secrets(value)

    assert all(secret not in repr(masked) for secret in FAKE.values())
    assert mask_secrets(masked) == (masked, ())


@pytest.mark.parametrize(
    "text",
    [
        piece * (64_000 // len(piece))
        for piece in (
            "sk-", "pwd:", "a", "://", "://a:", "bearer ", "eyJ", "authorization:", "password=",
            "-----BEGIN PRIVATE KEY-----", "xoxb-", "basic ", "SG.", "token = ", "hf_", "secret:1",
            "npm_", "github_pat_", "A", "authorization" + " " * 500,
        )
    ],
    ids=lambda text: str(text)[:12],
)  # fmt: skip
def test_hostile_text_is_masked_in_linear_time(text: str) -> None:
    started = time.perf_counter()

    mask_text("://=" + text)

    assert time.perf_counter() - started < 1
