"""The words that speak of urgency and of mood, with their weights.

Weights were set by hand so that one strong word, or two ordinary ones, move a text by one level.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WeightedWords:
    """Phrases with weights, compiled to one pattern of whole words."""

    pattern: re.Pattern[str]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, *groups: tuple[float, str]) -> WeightedWords:
        """Compile groups of alternatives; where several match, the first group wins."""
        joined = "|".join(f"({phrases})" for _, phrases in groups)
        pattern = re.compile(rf"(?<![\w-])(?:{joined})(?![\w-])", re.IGNORECASE)
        return cls(pattern=pattern, weights=tuple(weight for weight, _ in groups))

    def weigh(self, match: re.Match[str]) -> float:
        """Return the weight of the group that matched."""
        return self.weights[(match.lastindex or 1) - 1]


NEGATION = re.compile(
    r"\b(?:no|not|never|isn't|wasn't|aren't|don't|doesn't|didn't|hardly|nothing|neither|without)"
    r"(?:\s+(?:a|an|any|at all|very|really|so|too|that|this|particularly|it|be|been|is))*\s*$",
    re.IGNORECASE,
)

_WHOLE_SERVICE = (
    r"(?:production|prod|site|website|service|system|servers?|everything|app|platform|shop|store)"
)
URGENCY_WORDS = WeightedWords.of(
    (
        2.8,
        rf"{_WHOLE_SERVICE}(?:\s+\w+){{0,2}}\s+(?:is|are|has been|went|has gone)"
        r"\s+(?:(?:completely|totally|all)\s+)?(?:down|offline|unavailable|dead)"
        r"|(?:production|complete|total|major) (?:outage|failure)|outages?|data (?:loss|breach)"
        r"|security (?:breach|incident)|(?:was|been|got|is) (?:hacked|breached|compromised)"
        r"|ransomware|(?:nobody|no one|none of (?:us|our \w+)) (?:\w+ )?(?:can|is able)"
        r"|all (?:of )?(?:our |the )?(?:users|customers) (?:can't|cannot|are unable|are affected)"
        r"|losing (?:money|customers|data|sales|orders)",
    ),
    (
        -1.5,
        r"no (?:rush|hurry)|not urgent|low priority|whenever you (?:can|have time|get a chance)"
        r"|take your time|no need to (?:rush|hurry)|when you have (?:a moment|time)|nice to have"
        r"|at your convenience",
    ),
    (
        1.8,
        r"urgent|urgently|emergency|asap|as soon as possible|immediately|right now|right away"
        r"|critical|at once|p1|sev ?1|showstopper|life[- ]threatening|blocker|dringend|sofort"
        r"|urgente|urgence|urgentemente",
    ),
    (
        1.2,
        r"blocked|blocking|stuck|locked out|deadline|by (?:today|tonight|tomorrow|noon|eod)"
        r"|end of day|within (?:the|an|one|two|\d+) hours?|time[- ]sensitive"
        r"|(?:can't|cannot) (?:work|log ?in|sign ?in|pay)|charged twice|double charge|stolen"
        r"|fraud(?:ulent)?|phishing|hacked|leaked|unauthori[sz]ed|escalat(?:e|ed|ing|ion)|lawyer"
        r"|legal action|important (?:meeting|demo|launch)|still waiting|(?:second|third) time",
    ),
    (
        0.5,
        r"errors?|fails?|failed|failing|crash(?:es|ed)?|broken|bugs?|not working|doesn't work"
        r"|does not work|stopped working|wrong|missing|soon|today",
    ),
    (
        -0.8,
        r"feature request|suggestion|would be (?:nice|great|lovely)|wish|wondering|curious"
        r"|just (?:a )?question|thank you|thanks|feedback|someday|eventually|roadmap",
    ),
)
SENTIMENT_WORDS = WeightedWords.of(
    (
        -1.8,
        r"terrible|awful|horrible|disgust(?:ed|ing)|furious|outrage(?:d|ous)?|unacceptable|worst"
        r"|useless|scam|hate|pathetic|rip[- ]?off|ridiculous|incompetent|appalling|nightmare|livid"
        r"|fed up|sick of",
    ),
    (
        -1.0,
        r"angry|annoy(?:ed|ing)|frustrat(?:ed|ing|ion)|disappoint(?:ed|ing|ment)|upset|unhappy"
        r"|poor|bad|worse|complain(?:t|ing)?|unreliable|wast(?:e|ed|ing)|mess|joke|unprofessional"
        r"|rude|ignored|sad|confus(?:ed|ing)|worried|concerned|tired of",
    ),
    (
        -0.5,
        r"problems?|issues?|broken|fails?|failed|failing|errors?|wrong|crash(?:es|ed)?|slow|stuck"
        r"|lost|unable|can't|cannot|won't|doesn't work|not working|still waiting|unfortunately"
        r"|missing|declined|charged twice",
    ),
    (
        1.6,
        r"love|excellent|amazing|awesome|fantastic|wonderful|brilliant|perfect(?:ly)?|outstanding"
        r"|delighted|superb|best|kudos",
    ),
    (
        1.0,
        r"great|good|happy|glad|nice|helpful|pleased|impressed|satisfied|appreciate"
        r"|works (?:well|great)|solved|thank(?:s| you) (?:so much|a lot|very much)",
    ),
    (0.35, r"thanks|thank you|please|kindly|cheers|grateful"),
)
