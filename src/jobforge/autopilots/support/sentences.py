"""Sentences of a text, the questions among them, and what a sentence must not say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobforge.autopilots.support.personal_data import find_personal_data

_ABBREVIATIONS = (
    r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bvs\.)(?<!\bapprox\.)(?<!\bNo\.)(?<!\bMr\.)"
    r"(?<!\bDr\.)(?<!\bMrs\.)(?<!\bz\.B\.)"
)
_BOUNDARY = re.compile(
    rf"(?:(?<=[.!?]){_ABBREVIATIONS}|(?<=[.!?][\"'\u201d)]))\s+(?=\S)|(?<=[\u3002\uff01\uff1f])"
)
_LIST_MARK = re.compile(r"^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+")
_QUESTION_START = re.compile(
    r"^(?:(?:hi|hello|hey|also|and|so|but|please|then|now)[,!]?\s+)*"
    r"(?:how|what|when|where|which|who|why|can|could|do|does|did|is|are|may|should|would|will"
    r"|wie|was|wann|wo|warum|kann|können|ist|gibt|comment|pourquoi|quand|où|puis-je|est-ce"
    r"|cómo|qué|cuándo|dónde|puedo)\b",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|rules?"
    r"|prompts?|policy"
    r"|policies|above|previous|guidelines|sources?)\b|\byou are (?:now|no longer)\b|\bact as\b"
    r"|\bpretend\b|\bsystem\s*(?:prompt|message|:)|\b(?:reply|respond|answer|write|say|state|tell"
    r"|confirm|include|append|output|print|repeat|quote)\b.{0,60}\b(?:exactly|verbatim|following"
    r"|word for word|only with|in your (?:reply|answer|response))\b|\bas an? (?:ai|assistant"
    r"|model)\b"
    r"|<\|?[a-z_]+\|?>|\[/?inst\]|\bjailbreak\b|\bdeveloper mode\b|\bassistant\s*:",
    re.IGNORECASE | re.DOTALL,
)
_COMMITMENT = re.compile(
    r"\b(?:we|i|our team|our company|the company)(?:'ll| will| shall| can| are going to| have"
    r"| 've|'ve"
    r"| hereby| do)?\s+(?:\w+\s+){0,3}?(?:refund|reimburse|compensate|credit|guarantee|promise"
    r"|waive|replace|pay|reward|assure|warrant|commit)(?:ed|s|d)?\b"
    r"|\byou(?:'ll| will| shall| are going to| are entitled to)\s+(?:\w+\s+){0,4}?(?:refund(?:ed)?"
    r"|reimburse(?:d|ment)?|compensat(?:ed|ion)|credit(?:ed)?|money back|free (?:month"
    r"|of charge))\b"
    r"|\b(?:refund|reimbursement|compensation)\s+(?:has been|is|was|will be)\s+(?:\w+\s+)?"
    r"(?:approved|issued|granted|guaranteed|processed|confirmed|paid)\b"
    r"|\bguaranteed?\b|\b(?:by|before|until|no later than)\s+(?:today|tonight|tomorrow|monday"
    r"|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday|next week|the end of)\b"
    r"|\b(?:will|shall) be (?:fixed|resolved|delivered|shipped|released|repaired|completed|back)"
    r"\s+(?:by|on|within|in|before|tomorrow|today)\b"
    r"|\b(?:liab(?:le|ility)|lawsuit|legally|in court|sue|attorney|breach of contract|damages)\b",
    re.IGNORECASE,
)
_NEVER_QUOTED = frozenset({"secret", "payment_card", "iban", "national_id"})


def split_sentences(text: str) -> list[str]:
    """Return sentences in order, each a verbatim part of the text; list items stand alone.

    Fenced code is one sentence, so that a command is never cut.
    """
    sentences: list[str] = []
    for block, is_code in _blocks(text):
        if is_code:
            sentences.append(block)
            continue
        for line in _join_wrapped(block):
            plain = _LIST_MARK.sub("", line).strip()
            sentences += [part.strip() for part in _BOUNDARY.split(plain) if part.strip()]
    return sentences


def find_questions(sentences: Sequence[str]) -> list[str]:
    """Return the sentences that ask something, in order."""
    return [one for one in sentences if one.rstrip().endswith("?") or _QUESTION_START.match(one)]


def gives_instructions(sentence: str) -> bool:
    """Whether a sentence tells the reader's software what to do instead of asking for help."""
    return _INSTRUCTION.search(sentence) is not None


def makes_commitment(sentence: str) -> bool:
    """Whether a sentence promises money, a date, or a legal outcome."""
    return _COMMITMENT.search(sentence.replace("\u2019", "'")) is not None


def can_be_quoted(sentence: str, *, is_policy: bool, is_ticket: bool) -> bool:
    """Whether a source's sentence may stand in a reply.

    Never: instructions, secrets and payment data, and square brackets outside of code, which would
    look like citations. From a past ticket: nothing with personal data, no commitment. A commitment
    only where a policy makes it.
    """
    if re.search(r"[\[\]]", sentence) and "```" not in sentence:
        return False
    kinds = {datum.kind for datum in find_personal_data(sentence)}
    if gives_instructions(sentence) or kinds & _NEVER_QUOTED or (is_ticket and kinds):
        return False
    return is_policy or not makes_commitment(sentence)


def _blocks(text: str) -> list[tuple[str, bool]]:
    parts = re.split(r"(^[ \t]*```.*?^[ \t]*```[ \t]*$)", text, flags=re.M | re.S)
    return [(part.strip("\n"), place % 2 == 1) for place, part in enumerate(parts) if part.strip()]


def _join_wrapped(block: str) -> list[str]:
    """Keep list items and headings apart; every other line ends a sentence, too."""
    return [line for line in block.split("\n") if line.strip() and not line.startswith("#")]
