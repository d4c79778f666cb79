"""What may be asked of ten bytes, and what comes."""

from __future__ import annotations

TEN = b"0123456789"


def part_cases() -> list[tuple[str, int, bytes]]:
    """Range, status, content."""
    return [
        ("bytes=0-3", 206, TEN[0:4]),
        ("bytes=4-", 206, TEN[4:]),
        ("bytes=-3", 206, TEN[-3:]),
        ("bytes=8-99", 206, TEN[8:]),
        ("bytes=-99", 200, TEN),
        ("bytes=0-9", 200, TEN),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-2", 200, TEN),
        ("bytes=0-1,3-4", 200, TEN),
        ("lines=0-1", 200, TEN),
        ("bytes=-", 200, TEN),
    ]
