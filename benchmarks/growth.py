"""The growth domain against its peers: site audit, statistics, funnel, drafts.

The crawl runs against a generated site on the loopback interface, each crawler in a process of its
own. With `--peer-python PATH` (an interpreter that has advertools) the peer crawls the same site in
the same run. The published vectors are read from the shared data sets where those are present.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from typing_extensions import override

from jobforge.autopilots.growth import (
    analyze_funnel,
    check_page,
    compare_means,
    compare_means_cuped,
    compare_proportions,
    compare_proportions_cuped,
    compare_ratios,
    compare_ratios_cuped,
    crawl_site,
    list_seo_checks,
    mid_experiment_power,
    srm_p_value,
)
from jobforge.autopilots.growth.funnel.events import Columns, read_file
from jobforge.core.context import DatasetFile

SHARED = Path(__file__).parents[2] / "shared" / "datasets"
PAGES = 10_000
LOOKS, RUNS, USERS, RATE = 20, 2_000, 10_000, 0.1
EVENTS = 10_000_000
_WORDS = [f"word{number}" for number in range(3_000)]
_LOOSE = {"scaling_factor", "additional_users"}
_COMPARE: dict[str, Callable[..., Any]] = {
    "proportion": compare_proportions,
    "mean": compare_means,
    "ratio": compare_ratios,
    "cuped_proportion": compare_proportions_cuped,
    "cuped_mean": compare_means_cuped,
    "cuped_ratio": compare_ratios_cuped,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, with its goal and what is published of peers."""

    key: str
    name: str
    value: float | None
    goal: str
    published: str = ""


def page(number: int, count: int, port: int) -> bytes:
    """One page of the generated site: 250 words, an image, some 16 links."""
    draw = np.random.default_rng(number)
    words = " ".join(_WORDS[i] for i in draw.integers(0, len(_WORDS), 250))
    near = {2 * number + 1, 2 * number + 2, (number * 7 + 3) % count, (number * 13 + 5) % count}
    links = "".join(f'<li><a href="/p/{n}">Page number {n}</a></li>' for n in near if n < count)
    nav = "".join(f'<a href="/p/{n}">Section {n}</a>' for n in range(10))
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>Page {number} about {words[:30]}</title><meta name="description" content="{words[:120]}">
<meta name="viewport" content="width=device-width">
<link rel="canonical" href="http://127.0.0.1:{port}/p/{number}"></head><body><nav>{nav}</nav>
<main><h1>Page {number}</h1><p>{words}</p><img src="/i.png" alt="picture {number}" width="9"
height="9"><ul>{links}</ul></main></body></html>""".encode()


class _Site(asyncio.Protocol):
    """Serves the generated site over kept-open connections."""

    def __init__(self, pages: list[bytes]) -> None:
        self._pages = pages
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, path: str) -> None:
        number = path.removeprefix("/p/") if path != "/" else "0"
        is_page = number.isdigit() and int(number) < len(self._pages)
        status, body = ("200 OK", self._pages[int(number)]) if is_page else ("404 Not Found", b"-")
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        if self._transport is not None:
            self._transport.write(head.encode() + body)


async def _serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    pages: list[bytes] = []
    server = await loop.create_server(lambda: _Site(pages), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pages += [page(number, count, port) for number in range(count)]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def site(count: int) -> Iterator[str]:
    """A generated site of so many pages, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--serve", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this file
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and its children took: wall and processor seconds, peak resident MB."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def run_measured(command: list[str]) -> Cost:
    """Run a command to its end and measure it; other work on the machine slows the wall only."""
    environment = {
        **os.environ,
        "JOBFORGE_EGRESS_ALLOW": "127.0.0.1",
        "PATH": f"{Path(command[0]).parent}:{os.environ['PATH']}",
    }
    started = time.perf_counter()
    process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    peak, cpu = 0, 0.0
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family))
            cpu = max(cpu, sum(sum(member.cpu_times()[:2]) for member in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{command[:4]} failed")
    return Cost(time.perf_counter() - started, cpu, peak / 1e6)


_PEER = """import sys, advertools
advertools.crawl(sys.argv[1], sys.argv[2], follow_links=True, allowed_domains=["127.0.0.1"],
    custom_settings={"LOG_LEVEL": "ERROR", "ROBOTSTXT_OBEY": True})
"""


def measure_crawl(count: int, peer_python: str | None) -> list[Figure]:
    """Both crawlers on the same site, one after the other; start-up counts for both."""
    figures = []
    with site(count) as url:
        own = run_measured(
            [sys.executable, "-m", "benchmarks.growth", "--crawl", url, "--pages", str(count)]
        )
        figures += [
            Figure("crawl_pages", "pages crawled and judged", count, ""),
            Figure("crawl_seconds", "seconds for them", own.seconds, "< 60 for 10,000"),
            Figure("crawl_cpu_seconds", "of these on the processor", own.cpu_seconds, ""),
            Figure("crawl_peak_mb", "peak memory, MB", own.megabytes, "< 250"),
            Figure("crawl_pages_per_second", "pages per second", count / own.seconds, ""),
        ]
        if peer_python is None:
            return figures
        with tempfile.TemporaryDirectory() as folder:
            output = str(Path(folder) / "peer.jl")
            peer = run_measured([peer_python, "-c", _PEER, url, output])
            crawled = Path(output).read_bytes().count(b"\n")
    rate = crawled / peer.seconds
    return [
        *figures,
        Figure("peer_pages_per_second", "advertools: pages per second", rate, ""),
        Figure("peer_peak_mb", "advertools: peak memory, MB", peer.megabytes, ""),
        Figure("peer_cpu_seconds", "advertools: seconds on the processor", peer.cpu_seconds, ""),
        Figure(
            "crawl_speedup", "faster than advertools, times", count / own.seconds / rate, ">= 3"
        ),
    ]


def measure_checks() -> list[Figure]:
    """How many of seonaut's names are covered, and CPU time of one page."""
    listed = SHARED / "seo-checks" / "seonaut-error-names.txt"
    known = {name for check in list_seo_checks() for name in check.references}
    names = set(listed.read_text().split()) if listed.exists() else known
    content = page(1, 100, 80)
    check_page(content, url="http://127.0.0.1/p/1")
    started = time.process_time()
    for _ in range(200):
        check_page(content, url="http://127.0.0.1/p/1")
    return [
        Figure("seonaut_checks", "seonaut's checks covered", len(known & names), ">= 60 of 79"),
        Figure("check_page_ms", "ms for a page's audits", (time.process_time() - started) * 5, ""),
    ]


def measure_vectors() -> list[Figure]:
    """Share of the published vectors whose every output agrees."""
    path = SHARED / "experiment-stats" / "vectors.json"
    if not path.exists():
        return [Figure("stats_vectors", "GrowthBook's vectors met", None, "1.0")]
    vectors = json.loads(path.read_text())["vectors"]
    met = sum(_meets(vector) for vector in vectors)
    return [Figure("stats_vectors", "GrowthBook's vectors met", met / len(vectors), "1.0")]


def _meets(vector: dict[str, Any]) -> bool:
    found = _outputs(vector)
    is_loose = vector["function"] in ("sequential_greater", "sequential_less")
    return all(
        _agrees(found[key], expected, 1e-3 if key in _LOOSE or (is_loose and key == "p_value")
                else 1e-6)
        for key, expected in vector["outputs"].items()
    )  # fmt: skip


def _outputs(vector: dict[str, Any]) -> dict[str, Any]:
    function, inputs = vector["function"], vector["inputs"]
    if function == "srm":
        return {"p_value": srm_p_value(inputs["users"], inputs["weights"])}
    if function == "mid_experiment_power":
        power = mid_experiment_power(**inputs)
        return {key: getattr(power, key) for key in vector["outputs"]}
    options = _options(function, inputs)
    found = _COMPARE[vector["metric"]](inputs["control"], inputs["treatment"], **options)
    return {
        "expected": found.uplift, "ci": list(found.interval), "p_value": found.p_value,
        "standard_error": found.standard_error, "theta": found.theta, "error": found.problem,
        "chance_to_win": found.chance_to_win, "risk_control": found.expected_loss_control,
        "risk_treatment": found.expected_loss, "posterior_mean": found.posterior_mean,
        "posterior_sd": found.posterior_sd,
    }  # fmt: skip


def _options(function: str, inputs: dict[str, Any]) -> dict[str, Any]:
    config = inputs["config"]
    kind = config["difference_type"]
    options: dict[str, Any] = {"relative": kind == "relative", "alpha": config["alpha"]}
    if function.startswith("sequential"):
        tuning = config["sequential_tuning_parameter"]
        options |= {"method": "sequential", "tuning_parameter": tuning}
    if function == "bayesian":
        keys = ("prior_type", "inverse")
        options |= {"method": "bayesian", "prior": inputs["prior"], **{k: config[k] for k in keys}}
    for alternative in ("greater", "less"):
        if function.endswith(alternative):
            options["alternative"] = alternative
    if kind == "scaled":
        scaled = ("total_users", "traffic_percentage", "phase_length_days")
        options |= {key: config[key] for key in scaled}
    return options


def _agrees(actual: Any, expected: Any, tolerance: float) -> bool:  # noqa: ANN401 - JSON enters here
    if isinstance(expected, list):
        return all(_agrees(a, e, tolerance) for a, e in zip(actual, expected, strict=True))
    if expected is None or isinstance(expected, str | bool):
        return bool(actual == expected or (actual is not None and isinf(actual)))
    return actual is not None and abs(actual - expected) <= tolerance * max(1.0, abs(expected))


def measure_peeking(runs: int) -> list[Figure]:
    """False positives and power after 20 looks at 10,000 users a side, and interval coverage."""
    planned: dict[str, Any] = {"method": "sequential", "planned_users": 2 * USERS}
    default: dict[str, Any] = {"method": "sequential"}
    rows: list[tuple[str, dict[str, Any], float, str, str, str]] = [
        ("naive", {}, 0.0, "false positives, fixed test peeked at", "", "24.6 %"),
        ("plan", planned, 0.0, "false positives, planned sequential", "<= 0.05", "1.55 %"),
        ("plan_power_10", planned, 0.1, "power at +10 %, planned", "> default", "30.0 %"),
        ("default_power_10", default, 0.1, "power at +10 %, tuning 5000", "", "30.0 %"),
        ("plan_power_20", planned, 0.2, "power at +20 %, planned", "> default", "94.9 %"),
        ("default_power_20", default, 0.2, "power at +20 %, tuning 5000", "", "94.9 %"),
    ]  # fmt: skip
    figures = [
        Figure(f"peeking_{key}", name, _rejections(runs, lift, options), goal, published)
        for key, options, lift, name, goal, published in rows
    ]
    return [*figures, Figure("coverage", "coverage of 95 % intervals", _coverage(runs),
                             "0.94 to 0.96")]  # fmt: skip


def _rejections(runs: int, lift: float, options: dict[str, Any]) -> float:
    draw = np.random.default_rng(11)
    steps = np.full(LOOKS, USERS // LOOKS)
    hits = 0
    for _ in range(runs):
        control = draw.binomial(steps, RATE).cumsum()
        treatment = draw.binomial(steps, RATE * (1 + lift)).cumsum()
        hits += any(
            (compare_proportions({"n": int(n), "sum": int(c)}, {"n": int(n), "sum": int(t)},
                                 **options).p_value or 0) < 0.05  # noqa: PLR2004 - the usual level
            for n, c, t in zip(steps.cumsum(), control, treatment, strict=True)
        )  # fmt: skip
    return hits / runs


def _coverage(runs: int) -> float:
    draw = np.random.default_rng(12)
    hits = 0
    for _ in range(runs):
        control, treatment = draw.binomial(USERS, RATE), draw.binomial(USERS, RATE * 1.1)
        found = compare_proportions(
            {"n": USERS, "sum": int(control)}, {"n": USERS, "sum": int(treatment)}
        )
        hits += found.interval[0] <= 0.1 <= found.interval[1]  # noqa: PLR2004 - the true lift
    return hits / runs


def measure_funnel(events: int) -> list[Figure]:
    """Seconds to read and analyse a funnel of four steps from Parquet."""
    steps = ["visit", "signup", "activate", "buy"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        duckdb.connect().execute(
            f"COPY (SELECT 'user' || (random() * 1000000)::INT AS user_id, ['visit', 'signup', "  # noqa: S608 - our own numbers
            "'activate', 'buy', 'other'][1 + (random() * 4.999)::INT % 5] AS event, TIMESTAMP "
            "'2026-01-01' + INTERVAL (random() * 2592000) SECOND AS timestamp "
            f"FROM range({events})) TO '{path}'"
        )
        file = DatasetFile(path=path, format="parquet", checksum="")
        started, worked = time.perf_counter(), time.process_time()
        found = read_file(file, Columns(), steps, only_steps=True)
        analyze_funnel(found.units, found.times, found.steps, steps, window=7 * 86_400 * 10**6)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    return [
        Figure("funnel_seconds", f"seconds for a funnel of {events:,} events", seconds, "< 10"),
        Figure("funnel_cpu_seconds", "of these on the processor, both cores", cpu, ""),
    ]


def show(figures: list[Figure]) -> None:
    """A table for people, then one line for programs."""
    table = Table("figure", "measured", "goal", "published")
    for figure in figures:
        value = "n/a" if figure.value is None else f"{figure.value:,.4g}"
        table.add_row(figure.name, value, figure.goal, figure.published)
    Console().print(table)
    sys.stdout.write(json.dumps({figure.key: figure.value for figure in figures}) + "\n")


def main() -> None:
    """Measure everything, or play one of the parts of the crawl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--crawl", help=argparse.SUPPRESS)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--peer-python", help="an interpreter that has advertools")
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(_serve(chosen.serve))
    elif chosen.crawl:
        report = asyncio.run(crawl_site(chosen.crawl, max_pages=chosen.pages + 1))
        if len(report.pages) < chosen.pages:
            raise SystemExit(f"only {len(report.pages)} pages")
    else:
        show([
            *measure_crawl(chosen.pages, chosen.peer_python),
            *measure_checks(),
            *measure_vectors(),
            *measure_peeking(chosen.runs),
            *measure_funnel(chosen.events),
        ])  # fmt: skip


if __name__ == "__main__":
    main()
