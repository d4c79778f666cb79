"""Every dialect is recognised by its form and cut to the one form."""

from __future__ import annotations

import copy
import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from tests.contract import producers
from tests.contract.dialects.documents import (
    LIST_NAME,
    MODULES,
    first_request,
    refusal_of,
    seal_of,
)
from tests.contract.producers import BUNDLES, REPORTS, Json, encode

from jobforge.contract.dialects import TranslatedBundle, read_bundle, read_report
from jobforge.contract.errors import ContractViolation

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.mark.parametrize("name", BUNDLES)
def test_the_committed_bundle_is_what_its_producer_writes(name: str) -> None:
    assert (FIXTURES / f"{name}-bundle.json").read_bytes() == encode(BUNDLES[name]())


@pytest.mark.parametrize("name", REPORTS)
def test_the_committed_report_is_what_its_producer_writes(name: str) -> None:
    assert (FIXTURES / f"{name}-report.json").read_bytes() == encode(REPORTS[name]())


@pytest.mark.parametrize("name", BUNDLES)
def test_each_dialect_is_recognised_and_verified(name: str) -> None:
    bundle = read_bundle((FIXTURES / f"{name}-bundle.json").read_bytes())

    is_module = name in MODULES
    assert bundle.producer_hash == ("verified" if is_module else "absent")
    assert bundle.dialect == {"jobforge-older": "jobforge", "older-growth": "ops"}.get(name, name)
    assert len(bundle.requests) > 0
    assert (bundle.tenant, bundle.project) == (
        ("acme", "shop") if is_module else (producers.TENANT, producers.PROJECT)
    )


@pytest.mark.parametrize("name", BUNDLES)
def test_the_same_bundle_gives_the_same_answer_twice_in_any_spelling(name: str) -> None:
    document = BUNDLES[name]()
    compact = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()

    assert read_bundle(encode(document)) == read_bundle(compact)


@pytest.mark.parametrize("module", MODULES)
def test_the_name_of_the_module_decides_nothing(module: str) -> None:
    document = seal_of(module)({**BUNDLES[module](), "module_id": "somebody"})

    bundle = read_bundle(encode(document))

    assert bundle.dialect == read_bundle(encode(BUNDLES[module]())).dialect
    assert bundle.source_module == "somebody"


@pytest.mark.parametrize("module", MODULES)
def test_an_empty_module_bundle_is_taken(module: str) -> None:
    name = LIST_NAME.get(module, "requests")
    document = seal_of(module)({**BUNDLES[module](), name: []})

    bundle = read_bundle(encode(document))

    assert bundle.requests == ()
    assert bundle.producer_hash == "verified"


@pytest.mark.parametrize("name", BUNDLES)
def test_more_than_a_hundred_requests_are_refused(name: str) -> None:
    document = BUNDLES[name]()
    holder = LIST_NAME.get(name, "requests")
    document[holder] = [copy.deepcopy(document[holder][0]) for _ in range(101)]
    sealed = seal_of(name)(document)

    refusal = refusal_of(sealed)

    assert (refusal.refusal_code, refusal.pointer) == ("TOO_LARGE", f"/{holder}")


@pytest.mark.parametrize("name", BUNDLES)
def test_a_payload_over_64_kib_of_utf_8_is_refused(name: str) -> None:
    document = BUNDLES[name]()
    payload = first_request(name, document)["payload"]
    payload.clear()
    payload["x"] = "\u00e9" * ((64 * 1024 - len('{"x":""}')) // 2)
    seal = seal_of(name)
    read_bundle(encode(seal(document)))
    payload["x"] += "!"

    refusal = refusal_of(seal(document))

    assert refusal.refusal_code == "TOO_LARGE"
    assert (refusal.pointer or "").endswith("/payload")


@pytest.mark.parametrize("module", MODULES)
def test_equal_requests_get_ids_of_their_own_and_keep_their_equal_keys(module: str) -> None:
    document = BUNDLES[module]()
    holder = LIST_NAME.get(module, "requests")
    request = document[holder][0]
    request.get("request", request).pop("id", None)
    request.pop("job_id", None)
    document[holder] = [copy.deepcopy(request) for _ in range(3)]

    requests = read_bundle(encode(seal_of(module)(document))).requests

    ids = [request.request_id for request in requests]
    assert ids[1:] == [f"{ids[0]}.2", f"{ids[0]}.3"]
    assert len({request.idempotency_key for request in requests}) == 1


@pytest.mark.parametrize("module", MODULES)
def test_a_bundle_id_that_is_missing_comes_from_the_content(module: str) -> None:
    document = BUNDLES[module]()
    document.pop("bundle_id", None)
    first = read_bundle(encode(seal_of(module)(document))).bundle_id

    other = read_bundle(encode(seal_of(module)({**document, "trace_id": "other"}))).bundle_id

    assert read_bundle(encode(seal_of(module)(document))).bundle_id == first
    assert other != first


@pytest.mark.parametrize("module", MODULES)
def test_a_short_job_type_is_the_modules_own(module: str) -> None:
    document = BUNDLES[module]()
    first_request(module, document)["job_type"] = "look"

    bundle = read_bundle(encode(seal_of(module)(document)))

    assert bundle.requests[0].job_type == f"autopilot.{bundle.source_module}.look"


def test_a_request_of_another_form_among_the_others_is_refused() -> None:
    requests = [*producers.finops_bundle()["requests"], producers.ops_request("a.b", {})]
    document = producers.seal_finops({**producers.finops_bundle(), "requests": requests})

    refusal = refusal_of(document)

    assert refusal.refusal_code == "BUNDLE_INVALID"
    assert (refusal.pointer or "").startswith("/requests/2/")


@pytest.mark.parametrize("document", [[], "x", 5, None])
def test_a_document_that_is_no_object_is_refused(document: object) -> None:
    assert refusal_of(document).refusal_code == "BUNDLE_INVALID"


@pytest.mark.parametrize("document", [{}, {"a": 1}, {"requests": []}, {"requests": [{"a": 1}]}])
def test_an_unknown_form_is_refused(document: Json) -> None:
    assert refusal_of(document).refusal_code == "DIALECT_UNKNOWN"


def test_an_empty_module_bundle_without_any_mark_lacks_its_hash() -> None:
    refusal = refusal_of({"module_id": "finops", "requests": [], "tenant_id": "acme"})

    assert refusal.refusal_code == "PRODUCER_HASH_MISSING"


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_no_bundle_and_the_hint_says_where_it_belongs(name: str) -> None:
    refusal = refusal_of(REPORTS[name]())

    assert refusal.refusal_code == "DIALECT_UNKNOWN"
    assert refusal.hint == "jobforge report check FILE"


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_no_report_and_the_hint_says_where_it_belongs(name: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        read_report(encode(BUNDLES[name]()))

    assert caught.value.refusal_code == "DIALECT_UNKNOWN"
    assert caught.value.hint == "jobforge bundle plan FILE"


def with_token(module: str, *tokens: object) -> TranslatedBundle:
    document = BUNDLES[module]()
    holder = LIST_NAME.get(module, "requests")
    requests = []
    for token in tokens:
        request = copy.deepcopy(document[holder][0])
        request.get("request", request)["payload"]["policy_token"] = token
        requests.append(request)
    document[holder] = requests
    return read_bundle(encode(seal_of(module)(document)))


@pytest.mark.parametrize("module", BUNDLES)
def test_a_policy_token_is_taken_out_of_the_payload_after_the_check(module: str) -> None:
    bundle = with_token(module, "token-1", "token-1")

    assert all("policy_token" not in request.payload for request in bundle.requests)
    assert bundle.policy_token is not None
    assert bundle.policy_token.get_secret_value() == "token-1"
    assert "token-1" not in repr(bundle)


@pytest.mark.parametrize("token", ["", None])
def test_an_empty_policy_token_is_none(token: str | None) -> None:
    bundle = with_token("jobforge", token)

    assert bundle.policy_token is None
    assert bundle.requests[0].payload.get("policy_token") is None


def test_two_different_policy_tokens_are_refused() -> None:
    with pytest.raises(ContractViolation) as caught:
        with_token("jobforge", "token-1", "token-2")

    assert caught.value.pointer == "/requests/1/payload/policy_token"
    assert "token-" not in caught.value.message.replace("policy tokens", "")


def test_what_is_translated_cannot_be_changed() -> None:
    bundle = read_bundle(encode(producers.ops_bundle()))

    with pytest.raises(FrozenInstanceError):
        bundle.tenant = "other"  # type: ignore[misc]  # the point of the test
