"""What a text states that its sources do not: numbers, addresses of the web, names, commitments."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jobforge.autopilots.support.sentences import makes_commitment, split_sentences
from jobforge.autopilots.support.stop_words import STOP_WORDS
from jobforge.autopilots.support.terms import split_words

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\[\])\"']+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?:\n]\s)(?<!^)(?<![\w'-])[A-Z][\w'-]+", re.MULTILINE)
_NUMBER_TEXT = """
one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty
sixty hundred thousand million half double
"""
_NUMBER_WORDS = frozenset(_NUMBER_TEXT.split())


def find_unsupported(text: str, sources: Iterable[str]) -> list[str]:
    """Return each number, link, name and commitment of `text` that no source contains, in order.

    Compared as written, but for case in names. A commitment must stand word for word in a source.
    """
    known = "\n".join(sources)
    links = [link.rstrip(".,;:!?") for link in _LINK.findall(text)]
    faults = [link for link in links if link not in known]
    plain = _LINK.sub(" ", text)
    known_numbers = set(_NUMBER.findall(known))
    faults += [one for one in _NUMBER.findall(plain) if one not in known_numbers]
    known_words = set(split_words(known))
    words = split_words(plain)
    faults += [w for w in words if w in _NUMBER_WORDS and w not in known_words]
    names = [one.lower() for one in _NAME.findall(plain)]
    faults += [w for w in names if w not in STOP_WORDS and not set(split_words(w)) <= known_words]
    flat = " ".join(known.split())
    faults += [
        sentence
        for sentence in split_sentences(text)
        if makes_commitment(sentence) and " ".join(sentence.split()) not in flat
    ]
    return list(dict.fromkeys(faults))
