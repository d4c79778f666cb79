"""Validation of cloud bills against the published FOCUS rules."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobforge.autopilots.finops.focus.validator import FocusReport


def validate_focus(
    path: str | Path, *, version: str = "1.2", criteria: Iterable[str] = ()
) -> FocusReport:
    """Check a FOCUS file (CSV, gzipped CSV or Parquet) rule by rule.

    `outcome` and `violations` of each rule are those of the public validator. A rule is
    `not_applicable` where it, or a rule it belongs to or depends on, needs a criterion that is not
    switched on; `skipped` where it cannot be judged from the data alone; else it passes or fails
    with the number of rows that break it.

    `strict_outcome` is ours, beside it: a rule is judged unless it or a rule it is part of does not
    apply, every row has to keep a choice of values (the public validator is content with one), and
    conditions written without a check function are honoured rather than dropped. `reason` says
    where the two differ.

    Args:
        path: the file.
        version: the FOCUS version whose rules apply: 1.0, 1.1 or 1.2. For 1.1 there is no public
            validator; `outcome` is then what the one of 1.2 would find.
        criteria: applicability criteria that the provider meets, such as TAGGING_SUPPORTED.

    Raises:
        DatasetMissing: there is no such file.
        SourceMalformed: it is no table, has no rows, or is read with the wrong delimiter.
        InvalidInput: a version whose rules are not here.
    """
    from jobforge.autopilots.finops.focus.validator import validate_file

    return validate_file(Path(path), version=version, switched_on=frozenset(criteria))
