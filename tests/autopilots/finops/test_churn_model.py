"""The public `ChurnModel` and `fit_bg_nbd`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jobforge.autopilots.finops import BgNbd, ChurnModel, fit_bg_nbd
from jobforge.autopilots.finops.churn.quality import calibration_error, rank_auc
from jobforge.core.errors import InvalidInput


def customers(count: int = 600) -> tuple[list[dict[str, Any]], list[bool]]:
    """Monthly plans and short tenure leave more often, by a known probability."""
    draw = np.random.default_rng(3)
    rows, left = [], []
    for n in range(count):
        plan = str(draw.choice(["monthly", "yearly"]))
        months = int(draw.integers(1, 60))
        odds = -1.5 + (1.8 if plan == "monthly" else 0) - 0.04 * months
        rows.append(
            {
                "account": f"acc-{n}",
                "plan": plan,
                "months": str(months),
                "seats": None if n % 9 == 0 else float(draw.integers(1, 40)),
                "region": str(draw.choice(["north", "south"])),
            }
        )
        left.append(bool(draw.random() < 1 / (1 + np.exp(-odds))))
    return rows, left


@pytest.fixture(scope="module")
def model() -> ChurnModel:
    return ChurnModel.fit(*customers())


def test_it_ranks_leavers_above_stayers_on_customers_it_has_not_seen(model: ChurnModel) -> None:
    assert model.quality.auc > 0.7
    assert model.quality.calibration_error < 0.08
    assert model.quality.top_decile_lift > 1.5


def test_probabilities_follow_what_makes_customers_leave(model: ChurnModel) -> None:
    leaving = {"plan": "monthly", "months": 2, "seats": 5, "region": "north"}
    staying = {"plan": "yearly", "months": 55, "seats": 5, "region": "north"}

    high, low = model.predict([leaving, staying])

    assert 0 <= low < 0.15
    assert 0.35 < high <= 1


def test_reasons_name_the_columns_that_matter_and_which_way(model: ChurnModel) -> None:
    reasons = model.reasons({"plan": "yearly", "months": 58, "seats": 5, "region": "north"})

    strongest = {reason.column: reason for reason in reasons[:2]}
    assert set(strongest) == {"plan", "months"}
    assert not strongest["months"].raises_risk


def test_an_identifier_is_not_learned_from(model: ChurnModel) -> None:
    assert "account" in model.member.design.encoding.left_out


def test_an_unknown_word_and_a_missing_column_are_taken_as_blank(model: ChurnModel) -> None:
    (probability,) = model.predict([{"plan": "weekly"}])

    assert 0 < probability < 1


def test_the_label_may_be_a_column() -> None:
    rows, left = customers(200)
    labelled = [
        {**row, "churned": "Yes" if gone else "No"} for row, gone in zip(rows, left, strict=True)
    ]

    fitted = ChurnModel.fit(labelled, "churned")

    assert "churned" in fitted.member.design.encoding.left_out


def test_the_same_rows_and_seed_give_the_same_model() -> None:
    rows, left = customers(200)

    first, second = (ChurnModel.fit(rows, left, seed=4).predict(rows[:9]) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("leak", ["cancel_reason", "days_since_exit"])
def test_a_column_that_gives_the_label_away_is_named(leak: str) -> None:
    rows, left = customers(200)
    written: dict[str, list[object]] = {
        "cancel_reason": ["price" if gone else None for gone in left],
        "days_since_exit": [float(n % 50 + 1) if gone else None for n, gone in enumerate(left)],
    }
    tainted = [{**row, leak: written[leak][n]} for n, row in enumerate(rows)]

    with pytest.raises(InvalidInput, match=f"column {leak} alone tells leavers"):
        ChurnModel.fit(tainted, left)


def test_a_word_that_only_leavers_have_is_named_however_few_they_are() -> None:
    rows, left = customers()
    gone = [n for n, has_left in enumerate(left) if has_left][:35]
    tainted = [
        {**row, "ticket": "account closed" if n in gone else "other"} for n, row in enumerate(rows)
    ]
    honest = [{**row, "ticket": "account closed"} if n < 35 else row for n, row in enumerate(rows)]

    ChurnModel.fit(honest, left)
    with pytest.raises(InvalidInput, match=r"column ticket .* all 35 customers with 'account clo"):
        ChurnModel.fit(tainted, left)


def test_a_quantity_that_only_leavers_have_is_named_however_few_they_are() -> None:
    rows, left = customers()
    gone = [n for n, has_left in enumerate(left) if has_left][:35]
    tainted = [{**row, "closing_balance": n if n in gone else ""} for n, row in enumerate(rows)]

    with pytest.raises(InvalidInput, match=r"column closing_balance .* all 35 customers with any"):
        ChurnModel.fit(tainted, left)


def test_a_day_is_not_learned_from_even_where_many_share_it() -> None:
    rows, left = customers(200)
    dated = [{**row, "signed": f"2025-0{n % 5 + 1}-01"} for n, row in enumerate(rows)]

    assert "signed" in ChurnModel.fit(dated, left).member.design.encoding.left_out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda left: left[:-1], "200 customers and 199 labels"),
        (lambda left: [False] * len(left), "at least 20 who left"),
        (lambda left: ["maybe", *left[1:]], "does not say whether"),
    ],
)
def test_labels_that_say_nothing_are_refused(change: Any, message: str) -> None:  # noqa: ANN401
    rows, left = customers(200)

    with pytest.raises(InvalidInput, match=message):
        ChurnModel.fit(rows, change(left))


def test_quality_measures_agree_with_small_cases_by_hand() -> None:
    left = np.array([True, False, True, False])

    assert rank_auc(left, np.array([0.9, 0.1, 0.4, 0.4])) == pytest.approx(0.875)
    assert calibration_error(left, np.array([1.0, 0.0, 1.0, 0.0]), bins=2) == 0.0


def purchases(model: BgNbd, count: int) -> list[tuple[float, float, float]]:
    """Histories drawn from the model itself."""
    draw = np.random.default_rng(11)
    found = []
    for _ in range(count):
        rate = draw.gamma(model.r, 1 / model.alpha)
        drop, age = draw.beta(model.a, model.b), float(draw.uniform(20, 60))
        at, last, repeats = 0.0, 0.0, 0
        while True:
            at += draw.exponential(1 / rate)
            if at > age:
                break
            last, repeats = at, repeats + 1
            if draw.random() < drop:
                break
        found.append((float(repeats), last, age))
    return found


def test_bg_nbd_finds_the_parameters_that_made_the_histories() -> None:
    truth = BgNbd(r=0.8, alpha=6.0, a=0.9, b=3.0, log_likelihood=0.0)
    x, recency, age = np.array(purchases(truth, 6000)).T

    fitted = fit_bg_nbd(x, recency, age)

    assert fitted.r == pytest.approx(0.8, rel=0.15)
    assert fitted.alpha == pytest.approx(6.0, rel=0.2)
    assert fitted.a / (fitted.a + fitted.b) == pytest.approx(0.9 / 3.9, rel=0.15)
    assert fitted.expected_purchases(0.0, x, recency, age)[:3] == pytest.approx([0, 0, 0])


def test_who_bought_often_and_then_fell_silent_is_likely_gone() -> None:
    model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426, log_likelihood=0.0)

    silent, recent, newcomer = model.alive([26, 26, 0], [30.0, 38.0, 0.0], [39.0, 39.0, 39.0])

    assert silent < 0.1
    assert recent > 0.9
    assert newcomer == 1.0


@pytest.mark.parametrize(
    ("frequency", "recency", "age"),
    [
        ([0, 0], [0, 0], [5, 5]),
        ([1, 2], [6, 1], [5, 5]),
        ([1, -2], [1, 1], [5, 5]),
        ([1, float("nan")], [1, 1], [5, 5]),
        ([1], [1, 1], [5, 5]),
        ([], [], []),
    ],
)
def test_histories_that_cannot_be_are_refused(
    frequency: list[float], recency: list[float], age: list[float]
) -> None:
    with pytest.raises(InvalidInput):
        fit_bg_nbd(frequency, recency, age)
