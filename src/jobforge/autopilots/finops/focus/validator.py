"""Checks a FOCUS file against the published rules, in one pass over the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jobforge.autopilots.finops.focus.predicates import ColumnMissing, Translator, quoted
from jobforge.autopilots.finops.focus.rules import (
    UNJUDGED,
    Expression,
    Rule,
    as_published,
    load_rules,
    not_applicable,
    published_not_applicable,
)
from jobforge.autopilots.finops.tables import csv_source, explain, parquet_source, refuse_one_column
from jobforge.core.errors import DatasetMissing, SourceMalformed

Outcome = Literal["pass", "fail", "skipped", "not_applicable"]
Finding = tuple[Outcome, int, str]
MEMORY_LIMIT = "1GB"
WHOLE = ("text_column", "float_column")


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """How one rule came out.

    `outcome` and `violations` are what the public validator finds; `strict_outcome` and
    `strict_violations` are ours, and `reason` says where and why they differ. Violations count
    rows; a composite rule that fails, and a column that is not there, count one.
    """

    rule: str
    outcome: Outcome
    violations: int
    reason: str
    keyword: str
    strict_outcome: Outcome
    strict_violations: int


@dataclass(frozen=True, slots=True)
class FocusReport:
    """All rules in the published order, and what was read."""

    version: str
    rows: int
    columns: tuple[str, ...]
    rules: tuple[RuleOutcome, ...]

    def count(self, outcome: Outcome, *, strict: bool = False) -> int:
        """How many rules came out like this, the public validator's way or ours."""
        found = (rule.strict_outcome if strict else rule.outcome for rule in self.rules)
        return sum(one == outcome for one in found)


def validate_file(path: Path, *, version: str, switched_on: frozenset[str]) -> FocusReport:
    """Validate; see `jobforge.autopilots.finops.validate_focus`."""
    rules = load_rules(version)
    if not path.is_file():
        raise DatasetMissing(f"no file {path.name}")
    import duckdb

    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": 2}) as connection:
        columns = _open(connection, path)
        _refuse_foreign(path, columns, rules)
        there = frozenset(columns)
        left_out = published_not_applicable(rules, switched_on)
        public = _Judge(as_published(rules), there, left_out, is_public=True)
        strict = _Judge(rules, there, not_applicable(rules, switched_on), is_public=False)
        try:
            rows = public.measure(connection)
            strict.measure(connection)
        except duckdb.Error as error:
            raise _unreadable(path, error) from None
    if not rows:
        raise SourceMalformed(f"{path.name} has no rows: there is nothing to validate")
    outcomes = tuple(_compare(rule, public, strict) for rule in rules.values())
    return FocusReport(version, rows, tuple(columns), outcomes)


def _compare(rule: Rule, public: _Judge, strict: _Judge) -> RuleOutcome:
    outcome, violations, reason = public.outcome(rule.name)
    ours, our_violations, our_reason = strict.outcome(rule.name)
    if ours != outcome:
        reason = f"{reason or outcome}; strictly {ours}: {our_reason or 'every row keeps it'}"
    return RuleOutcome(rule.name, outcome, violations, reason, rule.keyword, ours, our_violations)


def _open(connection: Any, path: Path) -> list[str]:  # noqa: ANN401 (a DuckDB connection)
    """The file as the view `costs`, every value text, blank and NULL as null."""
    import duckdb

    is_parquet = path.name.endswith((".parquet", ".pq"))
    source = parquet_source(path) if is_parquet else csv_source(path)
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 (a quoted file name)
    except duckdb.Error as error:
        raise _unreadable(path, error) from None
    names = [str(row[0]) for row in described]
    refuse_one_column(path, names)
    texts = ", ".join(f"CAST({quoted(n)} AS VARCHAR) AS {quoted(n)}" for n in names)
    connection.execute(f"CREATE VIEW costs AS SELECT {texts} FROM {source}")  # noqa: S608 (quoted names)
    return names


def _unreadable(path: Path, error: Exception) -> SourceMalformed:
    return SourceMalformed(f"{path.name} is not a readable table: {explain(error, path)}")


def _refuse_foreign(path: Path, columns: Sequence[str], rules: Mapping[str, Rule]) -> None:
    """A table without a single FOCUS column is another file, or was read the wrong way."""
    known = {
        rule.requirement[1]
        for rule in rules.values()
        if rule.requirement and rule.requirement[0] == "present"
    }
    if known.isdisjoint(columns):
        raise SourceMalformed(f"{path.name} has no FOCUS column; it has {', '.join(columns[:8])}")


class _Judge:
    """Collects what has to be counted, counts it in one query, then decides rule by rule."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        columns: frozenset[str],
        outside: Mapping[str, str],
        *,
        is_public: bool,
    ) -> None:
        self._rules = rules
        self._columns = columns
        self._outside = outside
        self._is_public = is_public
        self._translator = Translator(columns)
        self._missing: dict[str, str] = {}
        self._choices: set[str] = set()
        self._counts: dict[str, int] = {}
        self._done: dict[str, Finding] = {}
        self._conditions = self._inherited_conditions()

    def _inherited_conditions(self) -> dict[str, list[Expression]]:
        """A part is judged where the rule it belongs to applies, too."""
        conditions: dict[str, list[Expression]] = {name: [] for name in self._rules}
        for rule in self._rules.values():
            if rule.condition:
                conditions[rule.name].append(rule.condition)
                for part in rule.parts:
                    conditions.setdefault(part, []).append(rule.condition)
        return conditions

    def measure(self, connection: Any) -> int:  # noqa: ANN401 (a DuckDB connection)
        """Count the violating rows of every rule that rows decide; returns the rows read."""
        counted, whole, distinct = self._queries()
        filtered = (f"count(*) FILTER (WHERE {sql})" for sql in counted.values())
        selects = ["count(*)", *filtered, *whole.values()]
        totals = connection.execute(f"SELECT {', '.join(selects)} FROM costs").fetchone()  # noqa: S608 (built from the rules)
        names = (*counted, *whole)
        self._counts = dict(zip(names, (int(n) for n in totals[1:]), strict=True))
        for name in self._choices:
            self._counts[name] = 0 if self._counts[name] else int(totals[0])
        for name, sql in distinct.items():
            self._counts[name] = int(connection.execute(sql).fetchone()[0])
        return int(totals[0])

    def _queries(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """SQL by rule: what a row breaks, what a column breaks as a whole, what needs grouping."""
        counted: dict[str, str] = {}
        whole: dict[str, str] = {}
        distinct: dict[str, str] = {}
        for rule in self._rules.values():
            if not self._is_decided_by_rows(rule):
                continue
            try:
                if self._is_public and self._operation(rule) == "any":
                    self._count_choices(rule, counted)
                elif self._operation(rule) == "distinct":
                    distinct[rule.name] = self._distinct(*(rule.requirement or ())[1:])
                elif self._operation(rule) in WHOLE:
                    whole[rule.name] = self._translator.whole(*(rule.requirement or ()))
                else:
                    counted[rule.name] = self._violating(rule)
            except ColumnMissing as error:
                self._missing[rule.name] = str(error)
        return counted, whole, distinct

    def _operation(self, rule: Rule) -> str | None:
        is_named = isinstance(rule.requirement, str) or not rule.requirement
        return None if is_named else str((rule.requirement or ())[0])

    def _count_choices(self, rule: Rule, counted: dict[str, str]) -> None:
        """The public validator lets an OR pass as soon as one row keeps one of its choices."""
        choices = [c for c in (rule.requirement or ())[1:] if not isinstance(c, str)]
        kept = [f"NOT {self._translator.violation(choice) or 'false'}" for choice in choices]
        counted[rule.name] = f"({' OR '.join(kept)})"
        self._choices.add(rule.name)

    def _is_decided_by_rows(self, rule: Rule) -> bool:
        requirement = rule.requirement
        if rule.name in self._outside or not requirement or rule.parts:
            return False
        return requirement[0] != "present" and requirement[0] not in UNJUDGED

    def _violating(self, rule: Rule) -> str:
        broken = self._translator.violation(rule.requirement) or "false"
        held = " AND ".join(self._translator.holds(c) for c in self._conditions[rule.name])
        return f"{broken} AND {held}" if held else broken

    def _distinct(self, left: str, right: str, expected: int) -> str:
        for name in (left, right):
            if name not in self._columns:
                raise ColumnMissing(name)
        counts = (
            f"SELECT count(DISTINCT {quoted(right)}) AS n FROM costs "  # noqa: S608 (quoted names)
            f"WHERE {quoted(left)} IS NOT NULL GROUP BY {quoted(left)}"
        )
        return f"SELECT count(*) FROM ({counts}) WHERE n <> {int(expected)}"  # noqa: S608 (as above)

    def outcome(self, name: str) -> Finding:
        """The outcome of a rule; its parts come first."""
        if name not in self._done:
            self._done[name] = self._decide(self._rules[name])
        return self._done[name]

    def _decide(self, rule: Rule) -> Finding:
        requirement = rule.requirement
        if rule.name in self._outside:
            return "not_applicable", 0, f"{self._outside[rule.name]} is not switched on"
        if not requirement:
            return "skipped", 0, "the rule cannot be judged from the data alone"
        if rule.parts:
            return self._decide_parts(rule)
        if requirement[0] in UNJUDGED:
            return "skipped", 0, UNJUDGED[requirement[0]]
        return self._decide_rows(rule, requirement)

    def _decide_rows(self, rule: Rule, requirement: Sequence[Any]) -> Finding:
        absent = self._missing.get(rule.name)
        if requirement[0] == "present" and requirement[1] not in self._columns:
            return "fail", 1, f"no column {requirement[1]}"
        if absent is not None:
            return self._decide_absent(rule, absent)
        count = self._counts.get(rule.name, 0)
        return ("fail", count, f"{count} rows break it") if count else ("pass", 0, "")

    def _decide_absent(self, rule: Rule, column: str) -> Finding:
        """Whether a column is there is a rule of its own in 1.0, and the others then stand back."""
        if rule.published is None:
            return "fail", 1, f"no column {column}"
        if self._is_public:
            return "pass", 0, ""
        return "not_applicable", 0, f"no column {column}"

    def _decide_parts(self, rule: Rule) -> Finding:
        if all(self._is_unjudgeable(name) for name in rule.parts):
            return "skipped", 0, "none of its parts can be judged from the data alone"
        found = {name: self.outcome(name)[0] for name in rule.parts}
        failed = [name for name, outcome in found.items() if outcome == "fail"]
        judged = [name for name, outcome in found.items() if outcome in ("pass", "fail")]
        is_any = isinstance(rule.requirement, Sequence) and rule.requirement[0] == "any"
        if failed and (not is_any or len(failed) == len(judged)):
            return "fail", 1, "failed: " + ", ".join(failed)
        return "pass", 0, ""

    def _is_unjudgeable(self, name: str) -> bool:
        return not self._rules[name].requirement
