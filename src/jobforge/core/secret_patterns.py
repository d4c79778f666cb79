"""What secrets look like: in a text, and by the name of the key that holds them.

Source: the formats the issuers publish (OpenAI, Anthropic, Stripe, AWS, Google, GitHub, GitLab,
Slack, SendGrid, npm, PyPI, Hugging Face, Azure, DigitalOcean, Vault); JWT: RFC 7519; private keys:
RFC 7468; user information in addresses: RFC 3986 section 3.2.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MASK = "[masked]"


@dataclass(frozen=True, slots=True)
class SecretPattern:
    """A secret's form. Without one of the `hints`, and `needs`, the pattern cannot match.

    Both are in lower case and cheap to look for.

    What the group `secret` matches is masked; without that group, the whole match is.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    needs: str = ""

    def can_match(self, lowered: str) -> bool:
        """Whether it is worth looking; `lowered` is the text in lower case."""
        return self.needs in lowered and any(hint in lowered for hint in self.hints)

    def mask(self, text: str) -> str:
        """The text with every match masked."""
        return self.pattern.sub(_mask_match, text)


def _mask_match(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return MASK
    start, end = match.start("secret") - match.start(), match.end("secret") - match.start()
    whole = match.group()
    return whole[:start] + MASK + whole[end:]


def _pattern(
    hints: str, expression: str, flags: re.RegexFlag = re.NOFLAG, *, needs: str = ""
) -> SecretPattern:
    return SecretPattern(tuple(hints.split()), re.compile(expression, flags), needs)


_ASSIGNED_HINTS = "pass pwd secret token credential sig key"
_ASSIGNED_NAMES = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|credentials?|sig|signature"
    r"|api[_-]?key|access[_-]?key|account[_-]?key|secret[_-]?key|private[_-]?key|shared[_-]?key)"
)

PATTERNS = (
    _pattern(
        "private",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        re.DOTALL,
    ),
    _pattern("sk-", r"(?<![A-Za-z0-9])sk-(?:[\w-]{12,}|(?=[\w-]{0,11}\d)[\w-]{6,})"),
    _pattern("sk_ rk_ whsec_", r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{8,}"),
    _pattern("jfk_", r"(?<![A-Za-z0-9])jfk_[0-9a-f]{12}_[0-9a-f]{16,}"),
    _pattern("eyj", r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)*"),
    _pattern(
        "authorization",
        r"authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest|apikey)\s+)?+"
        r"(?P<secret>(?!\[masked\])[^\s\"',;]{4,})",
        re.IGNORECASE,
    ),
    _pattern(
        "bearer",
        r"\bbearer\s+(?P<secret>(?=[\w.~+/=-]*(?:\d|_|[.~+/]\w))[\w.~+/=-]{6,}|[\w.~+/=-]{20,})",
        re.IGNORECASE,
    ),
    _pattern(
        "basic",
        r"\b[Bb](?:asic|ASIC)\s+(?P<secret>(?=[\w+/]*(?:[\d=]|[a-z][A-Z]))[\w+/]{8,}={0,2})",
    ),
    _pattern("akia asia", r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    _pattern("aiza ya29.", r"(?<![\w-])(?:AIza[\w-]{35}|ya29\.[\w-]{20,})"),
    _pattern(
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})",
    ),
    _pattern("glpat-", r"(?<![A-Za-z0-9])glpat-[\w-]{16,}"),
    _pattern("xox xapp-", r"(?<![A-Za-z0-9])x(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,}"),
    _pattern("hooks.slack.com", r"hooks\.slack\.com/services/(?P<secret>[\w/]{10,})"),
    _pattern("sg.", r"(?<![A-Za-z0-9])SG\.[\w-]{16,}\.[\w-]{16,}"),
    _pattern("npm_ pypi- hf_", r"(?<![A-Za-z0-9])(?:npm_|pypi-|hf_)[A-Za-z0-9_-]{30,}"),
    _pattern("dop_v1_ hvs.", r"(?<![A-Za-z0-9])(?:dop_v1_[0-9a-f]{32,}|hvs\.[\w-]{20,})"),
    _pattern(
        "://",
        r"(?<=://)[^\s:/@\"'<>]*:(?P<secret>(?!\[masked\]@)[^\s/\"'<>]+)@",
        needs="@",
    ),
    # name=value is machine-made; in prose a colon may follow the bare word, so it takes a digit
    _pattern(
        _ASSIGNED_HINTS,
        rf"(?<![A-Za-z0-9])(?<!page_){_ASSIGNED_NAMES}[\"']?\s*=\s*[\"']?"
        r"(?P<secret>(?!\[masked\])[^\s\"'&;,<>]{4,})",
        re.IGNORECASE,
        needs="=",
    ),
    _pattern(
        _ASSIGNED_HINTS,
        rf"(?<![A-Za-z0-9]){_ASSIGNED_NAMES}[\"']?\s*:\s*[\"']?"
        r"(?P<secret>(?!\[masked\])(?=[^\s\"'&;,<>]{0,63}[\d!#$%^*])[^\s\"'&;,<>]{6,})",
        re.IGNORECASE,
        needs=":",
    ),
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = re.compile(
    "passwords?|passwd|pwd|passphrase|otp|secrets?|credentials?|authorization|auth|cookie|token"
)
_SECRET_PAIRS = re.compile(
    "(?:api|access|secret|private|signing|shared|account|encryption)_key|apikey|connection_string"
)
_NAME_HINTS = (
    *("pass", "pwd", "otp", "secret", "credential"),
    *("auth", "cookie", "token", "key", "connection"),
)
_LONGEST_NAME_KEPT = 64
_CURSORS = re.compile("page|next|continuation|sync|cursor|start|stop|end|mask|pad|sep|unk")


def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a secret: by its last words, in any common spelling.

    `token_count`, `max_tokens`, `next_page_token` and `monkey` do not.
    """
    return _judge_name(name) if len(name) > _LONGEST_NAME_KEPT else _judge_short_name(name)


def can_name_secret(lowered: str) -> bool:
    """Whether any key in this text can be such a name; `lowered` is a whole document."""
    return any(hint in lowered for hint in _NAME_HINTS)


def _judge_name(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    last, pair = "".join(words[-1:]), "_".join(words[-2:])
    if last == "token" and _CURSORS.fullmatch(pair.removesuffix("_token")):
        return False
    return bool(_SECRET_WORDS.fullmatch(last) or _SECRET_PAIRS.fullmatch(pair))


_judge_short_name = lru_cache(maxsize=4096)(_judge_name)
