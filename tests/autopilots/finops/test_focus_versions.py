"""The rules of FOCUS 1.0, 1.1 and 1.2 as they are kept, and against what was published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobforge.autopilots.finops import validate_focus
from jobforge.autopilots.finops.focus.rules import Rule, load_rules

FOCUS = Path(__file__).parents[4] / "shared/datasets/focus"
MODEL, SAMPLE = FOCUS / "model-1.2.json", FOCUS / "focus_sample.csv.gz"
LATER = ("InvoiceId", "BillingAccountType", "SubAccountType", "PricingCurrency")
OPERATIONS = {
    "ColumnPresent": "present",
    "CheckSameValue": "same",
    "CheckNotSameValue": "differ",
    "CheckGreaterOrEqualThanValue": "at_least",
    "ColumnByColumnEqualsColumnValue": "product",
    "CheckDistinctCount": "distinct",
    "TypeDecimal": "decimal",
    "FormatNumeric": "numeric",
    "TypeString": "string",
    "FormatString": "ascii",
    "TypeDateTime": "datetime",
    "FormatDateTime": "iso",
    "FormatCurrency": "currency",
    "CheckNationalCurrency": "currency",
    "FormatKeyValue": "keyvalue",
    "FormatUnit": "unit",
    "CheckDecimalValue": "amount",
}


def outcomes(path: Path, version: str) -> dict[str, tuple[str, str]]:
    report = validate_focus(path, version=version)
    return {rule.rule: (rule.outcome, rule.strict_outcome) for rule in report.rules}


def write(folder: Path, text: str) -> Path:
    path = folder / "bill.csv"
    path.write_text(text)
    return path


def restated(check: Mapping[str, Any]) -> object:
    """A requirement of the published model in our notation."""
    name = check.get("CheckFunction", "AND" if check else None)
    match name:
        case None:
            return None
        case "AND" | "OR":
            items = check["Items"] if "Items" in check else check["AND"]
            listed = items if isinstance(items, list) else [items]
            return ["all" if name == "AND" else "any", *map(restated, listed)]
        case "CheckModelRule":
            return check["ModelRuleId"]
        case "CheckValue" | "CheckNotValue":
            return restated_value(check)
        case _:
            values = [v for k, v in check.items() if k not in ("CheckFunction", "ExpectedType")]
            return [OPERATIONS[name], *values]


def restated_value(check: Mapping[str, Any]) -> object:
    column = check.get("ColumnName", check.get("CheckCondition"))
    words = ("null", "is") if check["CheckFunction"] == "CheckValue" else ("filled", "is_not")
    return [words[0], column] if check["Value"] is None else [words[1], column, check["Value"]]


@pytest.mark.skipif(not MODEL.exists(), reason="the published model is not here")
def test_the_rules_of_1_2_say_what_the_published_model_says() -> None:
    published = json.loads(MODEL.read_text())["ModelRules"]
    judged = {
        name: rule
        for name, rule in published.items()
        if rule["EntityType"] != "Attribute" or name in load_rules("1.2")
    }

    ours = load_rules("1.2")

    assert list(ours) == list(judged)
    for name, rule in ours.items():
        said = judged[name]["ValidationCriteria"]
        assert rule.keyword == said["Keyword"]
        assert set(rule.criteria) == set(judged[name]["ApplicabilityCriteria"])
        assert rule.condition == restated(said["Condition"])
        assert rule.requirement == restated(said["Requirement"])
        assert set(rule.needs) == set(said["Dependencies"])


@pytest.mark.skipif(not SAMPLE.exists(), reason="the public sample is not here")
def test_the_sample_fails_the_ten_rules_of_1_0_that_the_public_validator_fails() -> None:
    found = outcomes(SAMPLE, "1.0")

    failed = {name for name, (outcome, _) in found.items() if outcome == "fail"}
    assert failed == {
        *(f"{c}Period{e}_IsDateTime" for c in ("Billing", "Charge") for e in ("Start", "End")),
        *(f"{c}_Required" for c in ("InvoiceIssuer", "Provider", "Publisher", "ResourceID")),
        "ChargeFrequency_Enum",
        "ContractedCost_NotNull",
    }


@pytest.mark.parametrize("column", ["InvoiceIssuer", "Provider", "Publisher"])
def test_a_column_that_the_public_rules_of_1_0_misname_is_right_by_the_specification(
    tmp_path: Path, column: str
) -> None:
    found = outcomes(write(tmp_path, f"BilledCost,{column}Name\n1.5,Cloud\n"), "1.0")

    assert found[f"{column}_Required"] == ("fail", "pass")


@pytest.mark.parametrize(
    ("values", "rule", "expected"),
    [
        (("123", "456"), "SubAccountId_IsString", ("fail", "pass")),
        (("123", "a-1"), "SubAccountId_IsString", ("pass", "pass")),
        (("1", "2"), "BilledCost_IsDecimal", ("fail", "pass")),
        (("1", "2.5"), "BilledCost_IsDecimal", ("pass", "pass")),
        (("1", "cheap"), "BilledCost_IsDecimal", ("fail", "fail")),
        (("2026-01-01T00:00:00Z", "2026-01-01"), "ChargePeriodEnd_IsDateTime", ("fail", "fail")),
        (("2026-01-01T00:00:00Z", ""), "ChargePeriodEnd_IsDateTime", ("pass", "pass")),
        (("USD", "ZZZ"), "BillingCurrency_IsCurrencyCode", ("fail", "fail")),
        (("Usage-Based", "Daily"), "ChargeFrequency_Enum", ("fail", "fail")),
        (('"{""a"": 1}"', ""), "Tags_IsJSONObject", ("pass", "pass")),
        (('"{""a"": 1}"', "a=1"), "Tags_IsJSONObject", ("fail", "fail")),
    ],
)
def test_values_are_judged_by_the_types_of_1_0(
    tmp_path: Path, values: tuple[str, str], rule: str, expected: tuple[str, str]
) -> None:
    column = rule.split("_")[0]

    found = outcomes(
        write(tmp_path, f"{column},ServiceName\n{values[0]},x\n{values[1]},x\n"), "1.0"
    )

    assert found[rule] == expected


def test_the_rule_of_1_0_that_reads_a_column_of_0_5_is_judged_strictly_only(
    tmp_path: Path,
) -> None:
    bill = "SkuPriceId,ChargeCategory,ChargeClass\n,Usage,\n,Tax,\nsku,Usage,\n"

    found = validate_focus(write(tmp_path, bill), version="1.0").rules

    rule = next(rule for rule in found if rule.rule == "SkuPriceId_Nullable")
    assert (rule.outcome, rule.strict_outcome, rule.strict_violations) == ("skipped", "fail", 1)
    assert "does not have" in rule.reason


def columns_of(rules: dict[str, Rule]) -> set[str]:
    return {
        rule.requirement[1]
        for rule in rules.values()
        if rule.requirement and rule.requirement[0] == "present"
    }


def test_1_1_is_1_2_without_the_columns_that_came_later() -> None:
    old, new = dict(load_rules("1.1")), dict(load_rules("1.2"))

    assert columns_of(new) - columns_of(old) == {
        *LATER,
        *(f"PricingCurrency{c}" for c in ("ContractedUnitPrice", "EffectiveCost", "ListUnitPrice")),
    }
    assert not [name for name in old if name.startswith(LATER)]
    assert set(old) < set(new)


def test_no_composite_of_1_1_names_a_part_that_is_not_there() -> None:
    rules = load_rules("1.1")

    assert {part for rule in rules.values() for part in rule.parts} <= set(rules)
    assert all(set(rule.needs) <= set(rules) for rule in rules.values())


@pytest.mark.parametrize(("version", "rules"), [("1.0", 133), ("1.1", 509), ("1.2", 578)])
def test_each_version_has_its_rules(tmp_path: Path, version: str, rules: int) -> None:
    report = validate_focus(write(tmp_path, "BilledCost,Tags\n1.5,\n"), version=version)

    assert (report.version, len(report.rules)) == (version, rules)
