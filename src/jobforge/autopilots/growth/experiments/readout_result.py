"""What a readout answers: effects, the check of the split, decisions."""

from __future__ import annotations

from typing import Literal

from jobforge.core.model import Model

Decision = Literal["ship", "do_not_ship", "continue", "no_difference_found", "do_not_read"]
EffectVerdict = Literal["better", "worse", "no_difference_found", "not_judged"]


class Effect(Model):
    """One variant against the control on one metric; relative effects, as shares."""

    variant: str
    metric: str
    role: str
    uplift: float
    low: float | None
    high: float | None
    p_value: float | None
    adjusted_p_value: float | None
    chance_to_win: float | None
    expected_loss: float | None
    verdict: EffectVerdict
    problem: str | None


class Verdict(Model):
    """What to do with one variant, and why."""

    variant: str
    decision: Decision
    reasons: tuple[str, ...]


class ExperimentReadoutResult(Model):
    """The effects, the check of the split, and a decision for each variant."""

    experiment: str
    users: int
    srm_p_value: float
    is_split_broken: bool
    effects: tuple[Effect, ...]
    decisions: tuple[Verdict, ...]
    power_now: float | None
    additional_users: float | None
