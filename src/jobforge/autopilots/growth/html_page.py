"""Reports as one HTML file each; they load nothing from anywhere and run no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2937}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}code{background:#f3f4f6;padding:0 .2em}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{border-bottom:1px solid #e5e7eb;
text-align:left;padding:.25rem .5rem;vertical-align:top}.number{text-align:right;white-space:nowrap}
.score{font-size:3rem;font-weight:700;margin:.5rem 0}.critical,.high{color:#b91c1c}
.medium{color:#92400e}.low,.info{color:#4b5563}summary{cursor:pointer}li{overflow-wrap:anywhere}
svg{max-width:100%;height:auto;display:block;margin:1rem 0}td{overflow-wrap:anywhere}
td:first-child{min-width:6rem}
"""


def html_page(title: str, body: Iterable[str]) -> str:
    """The whole file. `body` is HTML already; its policy forbids scripts and loading."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A table of plain texts; its last `numbers` columns are aligned to the right."""
    first = len(head) - numbers

    def cells(tag: str, texts: Sequence[str]) -> str:
        kinds = (' class="number"' if index >= first else "" for index in range(len(texts)))
        return "".join(
            f"<{tag}{kind}>{text(value)}</{tag}>" for kind, value in zip(kinds, texts, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>"


def html_list(texts: Iterable[str]) -> str:
    """A list of plain texts; nothing where there is none."""
    items = "".join(f"<li>{text(value)}</li>" for value in texts)
    return f"<ul>{items}</ul>" if items else ""


def text(value: str) -> str:
    """Text as HTML, in elements and attributes alike."""
    return escape(value, quote=True)
