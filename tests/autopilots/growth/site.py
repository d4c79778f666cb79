"""A small site in memory, whose pages are good unless a test says otherwise."""

from __future__ import annotations

from jobforge.testing.context import MemoryContext


def page(title: str, *, body: str = "", head: str = "", words: str | None = None) -> str:
    """A page that fails no content audit."""
    own = " ".join(f"{title.lower()}{number} about gardens" for number in range(80))
    text = f"{title} {words or own}"
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>{title} and what grows there</title>
<meta name="description" content="{title}: {"everything you need to know about it, " * 2}now.">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta property="og:title" content="x"><meta property="og:type" content="website">
<meta property="og:image" content="x"><meta property="og:url" content="x">{head}</head>
<body><h1>{title}</h1><p>{text}</p>{body}</body></html>"""


def serve(
    context: MemoryContext, pages: dict[str, str], *, host: str = "https://a.example"
) -> None:
    """Serve pages by path, with the headers of a careful server."""
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("strict-transport-security", "max-age=31536000"),
        ("content-security-policy", "default-src 'self'"),
        ("x-content-type-options", "nosniff"),
    )
    for path in ("/robots.txt", "/sitemap.xml"):
        context.http.add(host + path, "", status=404)
    for path, html in pages.items():
        context.http.add(host + path, html, headers=headers)


def redirect(context: MemoryContext, url: str, to: str, status: int = 301) -> None:
    """Redirect one URL to another."""
    context.http.add(url, "", status=status, headers=(("location", to),))
