"""What a ticket wants, and what it leaves out that somebody will have to ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from jobforge.autopilots.support.sentences import find_questions, split_sentences
from jobforge.core.model import Model

Intent = Literal["question", "problem", "request", "complaint", "thanks", "other"]


class NeededInformation(Model):
    """Something a category needs: the ticket has it where `pattern` matches its text."""

    name: str
    pattern: str
    ask: str


_PROBLEM = re.compile(
    r"\b(?:error|fail(?:s|ed|ing)?|crash(?:es|ed)?|broken|bug|doesn't|does not|didn't|can't|cannot"
    r"|won't|not working|wrong|missing|stuck|never (?:arrived|came)|stopped|down)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\b(?:please|i(?:'d| would) like|i want|we need|i need|could you|can you|cancel|refund|add"
    r"|change|delete|send me|close my|upgrade|downgrade)\b",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"\b(?:complain(?:t|ing)?|unacceptable|terrible|worst|disappoint(?:ed|ing)|fed up|ridiculous"
    r"|scam|third time|awful|rude)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\b(?:thank you|thanks|kudos|great (?:job|support|work)|love (?:it|the))\b", re.I
)

_ERROR_TEXT = NeededInformation(
    name="error message",
    pattern=r"\berror\b.*[:\"'\d]|\b[45]\d\d\b|exception|says|message",
    ask="Which message do you see, word for word?",
)
_STEPS = NeededInformation(
    name="steps",
    pattern=r"\b(?:when|after|while|if) (?:i|we|you)\b|steps?|click|press|open",
    ask="What did you do just before it happened?",
)
_PLACE = NeededInformation(
    name="device or browser",
    pattern=r"\b(?:chrome|firefox|safari|edge|windows|mac(?:os)?|linux|iphone|ipad|android|ios|app)\b",
    ask="Which device, and which browser or app, do you use?",
)
_ORDER = NeededInformation(
    name="order number",
    pattern=r"\b(?:order|tracking|no\.?|number|#)\W*[A-Z0-9-]*\d{3,}",
    ask="What is your order number?",
)
_INVOICE = NeededInformation(
    name="invoice number or date",
    pattern=r"\b(?:invoice|payment|charge|receipt)\b.{0,40}\d|\d{4}-\d\d|\b(?:january|february|march"
    r"|april|may|june|july|august|september|october|november|december)\b",
    ask="Which invoice or payment is it about: its number, or its date?",
)
_REQUEST_DETAILS = NeededInformation(
    name="endpoint and status code",
    pattern=r"\b[1-5]\d\d\b|/\w+/|\b(?:GET|POST|PUT|PATCH|DELETE)\b|https?://",
    ask="Which endpoint do you call, and which status code comes back?",
)
STARTER_NEEDS: dict[str, tuple[NeededInformation, ...]] = {
    "technical_issue": (_ERROR_TEXT, _STEPS, _PLACE),
    "outage": (_ERROR_TEXT,),
    "integration": (_REQUEST_DETAILS,),
    "orders_delivery": (_ORDER,),
    "billing": (_INVOICE,),
}


def judge_intent(text: str) -> Intent:
    """Return what the writer wants: the first of complaint, question, problem, request, thanks.

    A question about how something is done is a question even where it says please.
    """
    if _COMPLAINT.search(text):
        return "complaint"
    has_question = bool(find_questions(split_sentences(text)))
    if _PROBLEM.search(text):
        return "problem"
    if has_question:
        return "question"
    if _REQUEST.search(text):
        return "request"
    return "thanks" if _THANKS.search(text) else "other"


def find_missing(text: str, needs: Sequence[NeededInformation]) -> list[NeededInformation]:
    """Return what the text lacks, in the order of `needs`."""
    return [one for one in needs if not re.search(one.pattern, text, re.IGNORECASE)]
