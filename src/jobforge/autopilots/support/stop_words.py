"""English words too common to explain anything by themselves."""

from __future__ import annotations

_TEXT = """
a about all am an and any are as at be been but by can could did do does for from had has have he
her his i if in into is it its just me my no not of on or our out she should so some than that the
their then there these they this those to too up us very was we were what when where which who will
with would you your
"""

STOP_WORDS = frozenset(_TEXT.split())
