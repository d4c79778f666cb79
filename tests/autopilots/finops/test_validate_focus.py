"""The public `validate_focus`."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from jobforge.autopilots.finops import FocusReport, validate_focus
from jobforge.core.errors import DatasetMissing, InvalidInput, SourceMalformed

SAMPLE = Path(__file__).parents[4] / "shared/datasets/focus/focus_sample.csv.gz"
COLUMNS = "BilledCost,BillingCurrency,ChargeCategory,ChargeClass,ProviderName,InvoiceIssuerName"
GOOD = "1.25,USD,Usage,NULL,Cloud,Cloud"


def check(folder: Path, *lines: str, **options: str) -> FocusReport:
    path = folder / "bill.csv"
    path.write_text("\n".join([COLUMNS, *lines]) + "\n")
    return validate_focus(path, **options)


def outcomes(report: FocusReport) -> dict[str, tuple[str, int]]:
    return {rule.rule: (rule.outcome, rule.violations) for rule in report.rules}


def test_a_rule_fails_with_the_number_of_rows_that_break_it(tmp_path: Path) -> None:
    found = outcomes(check(tmp_path, GOOD, GOOD, "cheap,USD,Usage,NULL,Cloud,Cloud"))

    assert found["BilledCost-C-001-M"] == ("fail", 1)
    assert found["BillingCurrency-C-003-M"][0] == "pass"


def test_a_condition_limits_which_rows_a_rule_looks_at(tmp_path: Path) -> None:
    same = outcomes(check(tmp_path, GOOD))
    resold = outcomes(check(tmp_path, GOOD, "1.25,USD,Usage,NULL,Cloud,Reseller"))

    assert same["BilledCost-C-005-C"] == ("pass", 0)
    assert resold["BilledCost-C-005-C"] == ("fail", 1)


def test_a_composite_rule_fails_with_its_parts(tmp_path: Path) -> None:
    report = check(tmp_path, "cheap,USD,Usage,NULL,Cloud,Cloud")

    composite = next(r for r in report.rules if r.rule == "BilledCost-C-000-M")
    assert composite.outcome == "fail"
    assert "BilledCost-C-001-M" in composite.reason


def test_a_missing_mandatory_column_fails_its_presence_rule(tmp_path: Path) -> None:
    report = check(tmp_path, GOOD)

    absent = {r.reason for r in report.rules if r.outcome == "fail" and "-D-" in r.rule}
    assert "no column ServiceName" in absent


def test_rules_of_criteria_that_are_off_do_not_apply_and_switching_on_brings_them_back(
    tmp_path: Path,
) -> None:
    off = outcomes(check(tmp_path, GOOD))
    path = tmp_path / "bill.csv"
    on = outcomes(validate_focus(path, criteria=["TAGGING_SUPPORTED"]))

    assert off["Tags-C-001-M"][0] == "not_applicable"
    assert on["Tags-C-001-M"] == ("fail", 1)


def test_what_the_data_cannot_tell_is_skipped_with_the_reason(tmp_path: Path) -> None:
    report = check(tmp_path, GOOD)

    skipped = [rule for rule in report.rules if rule.outcome == "skipped"]
    assert skipped
    assert all(rule.reason for rule in skipped)


def test_one_row_with_a_wrong_word_fails_strictly_where_the_public_validator_passes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("BilledCost,ChargeFrequency\n1,One-Time\n1,Sometimes\n")

    found = {rule.rule: rule for rule in validate_focus(path).rules}

    words = found["ChargeFrequency-C-003-M"]
    assert (words.outcome, words.strict_outcome, words.strict_violations) == ("pass", "fail", 1)
    assert "strictly fail" in words.reason


def test_a_rule_that_leans_on_one_that_does_not_apply_is_left_out_but_judged_strictly(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("ListUnitPrice,PricingQuantity,ListCost,ChargeClass\n2,3,6,\n2,3,7,\n")

    found = {rule.rule: rule for rule in validate_focus(path).rules}

    product = found["ListCost-C-009-C"]
    assert product.outcome == "not_applicable"
    assert (product.strict_outcome, product.strict_violations) == ("fail", 1)


def test_every_published_rule_has_exactly_one_outcome(tmp_path: Path) -> None:
    report = check(tmp_path, GOOD)

    assert len(report.rules) == len({rule.rule for rule in report.rules}) == 578


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv.gz"
    path.write_bytes(gzip.compress(f"{COLUMNS}\n{GOOD}\n".encode()))

    assert validate_focus(path).rows == 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (COLUMNS + "\n", SourceMalformed),
        ("a;b\n1;2\n", SourceMalformed),
        ("", SourceMalformed),
        (None, DatasetMissing),
    ],
)
def test_files_that_are_no_bill_are_refused(
    tmp_path: Path, content: str | None, error: type[Exception]
) -> None:
    path = tmp_path / "bill.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(error):
        validate_focus(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"BilledCost;BillingCurrency\n1.0;USD\n", "is the delimiter right"),
        (b"BilledCost\tBillingCurrency\n1.0\tUSD\n", "is the delimiter right"),
        ("BilledCost,RegionName\n1.0,Köln\n".encode("latin-1"), "not text in UTF-8"),
        ("BilledCost,RegionName\n1.0,Bonn\n".encode("utf-16"), "not text in UTF-8"),
        (b"BilledCost,RegionName\n1.0,Bonn\n2.0,Bonn,extra,more\n", "not a readable table"),
        (b"BilledCost,BillingCurrency\n" + b"1,EUR\n" * 50_000 + b"1,\xa4\n", "not text in UTF-8"),
    ],
)
def test_a_wrong_delimiter_or_encoding_is_named_and_no_line_skipped(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(content)

    with pytest.raises(SourceMalformed, match=message) as refused:
        validate_focus(path)

    assert str(tmp_path) not in str(refused.value)


def test_a_version_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no rules for FOCUS 0\.5"):
        check(tmp_path, GOOD, version="0.5")


@pytest.mark.skipif(not SAMPLE.exists(), reason="the public sample is not here")
def test_the_public_sample_is_judged_within_two_seconds() -> None:
    begin = time.process_time()

    report = validate_focus(SAMPLE)

    assert time.process_time() - begin < 4  # of both cores: two seconds
    assert report.rows == 1000
    left_out = report.count("skipped") + report.count("not_applicable")
    assert (report.count("pass"), report.count("fail"), left_out) == (114, 23, 441)
