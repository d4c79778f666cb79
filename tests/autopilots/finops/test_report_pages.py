"""Reports as Markdown, HTML and CSV."""

from __future__ import annotations

from jobforge.autopilots.finops.report_pages import (
    Bars,
    Line,
    Page,
    Table,
    to_csv,
    to_html,
    to_markdown,
)

TABLE = Table("Rows", ("name", "amount"), [("<script>alert(1)</script>", 3), ("a|b", None)])
PAGE = Page(
    "Report <1>",
    [("Fact", "x & y")],
    [TABLE, Bars("Bars", [("up", 3.0), ("down", -1.5)]), Line("Line", [1.0, 4.0], "a", "b", [1])],
)


def test_html_is_one_file_that_runs_nothing_and_loads_nothing() -> None:
    page = to_html(PAGE)

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    assert page.count("<svg") == 2


def test_markdown_keeps_the_table_whole() -> None:
    text = to_markdown(PAGE)

    assert "| a\\|b |  |" in text
    assert "- **Fact:** x & y" in text


def test_a_long_table_says_how_much_it_leaves_to_the_csv() -> None:
    long = Table("Rows", ("n",), [(n,) for n in range(250)])

    assert "50 more rows" in to_markdown(Page("P", [], [long]))
    assert to_csv(long).count("\n") == 251


def test_a_text_cannot_become_a_formula_in_a_spreadsheet() -> None:
    assert "'=1+1" in to_csv(Table("T", ("n",), [("=1+1",)]))
    assert to_csv(Table("T", ("n",), [(-5,)])) == "n\n-5\n"
