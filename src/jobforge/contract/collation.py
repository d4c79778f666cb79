"""The order in which `String.localeCompare` puts keys made of ASCII characters.

Source: CLDR root collation, as V8 with ICU applies it to U+0000-U+007F.
"""

from __future__ import annotations

_IN_ORDER = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789"
_PRIMARY = (
    {character: weight for weight, character in enumerate("\t\n\v\f\r" + _IN_ORDER)}
    | {chr(ord("a") + offset): 100 + offset for offset in range(26)}
    | {chr(ord("A") + offset): 100 + offset for offset in range(26)}
)
"""Control characters other than these five are ignored in a comparison."""


def collation_key(text: str) -> tuple[list[int], list[bool]]:
    """What to sort ASCII text by: letters without regard to case first, then small before capital.

    Raises:
        ValueError: for text outside ASCII, whose order depends on the producer's locale.
    """
    if not text.isascii():
        raise ValueError("the order of keys outside ASCII depends on the producer's locale")
    letters = [character for character in text if character in _PRIMARY]
    weights = [_PRIMARY[character] for character in letters]
    return weights, [character.isupper() for character in letters]
