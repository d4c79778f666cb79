"""The approved sentences of a reply: nothing in them states a fact about the customer's matter."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from jobforge.autopilots.support.sentences import makes_commitment

Tone = Literal["professional", "friendly", "empathetic", "technical"]


@dataclass(frozen=True, slots=True)
class Templates:
    """One language's sentences. `{name}` is the only slot; it is filled from the ticket."""

    greeting: dict[Tone, str]
    greeting_without_name: dict[Tone, str]
    opening: dict[Tone, str]
    unanswered: str
    clarify: str
    related: str
    closing: dict[Tone, str]


_ENGLISH = Templates(
    greeting={
        "professional": "Dear {name},",
        "friendly": "Hi {name},",
        "empathetic": "Dear {name},",
        "technical": "Hello {name},",
    },
    greeting_without_name={
        "professional": "Hello,",
        "friendly": "Hi there,",
        "empathetic": "Hello,",
        "technical": "Hello,",
    },
    opening={
        "professional": "Thank you for contacting us.",
        "friendly": "Thanks for writing to us!",
        "empathetic": "Thank you for telling us; we understand that this is unpleasant.",
        "technical": "Here is what our documentation says.",
    },
    unanswered="A colleague will look into what is not answered here.",
    clarify="Could you tell us in a little more detail what you would like to do?",
    related="Related:",
    closing={
        "professional": "Kind regards",
        "friendly": "Best wishes",
        "empathetic": "With kind regards",
        "technical": "Regards",
    },
)
_GERMAN = Templates(
    greeting=dict.fromkeys(_ENGLISH.greeting, "Guten Tag {name},"),
    greeting_without_name=dict.fromkeys(_ENGLISH.greeting, "Guten Tag,"),
    opening={
        "professional": "vielen Dank für Ihre Nachricht.",
        "friendly": "danke, dass Sie uns schreiben!",
        "empathetic": "danke für Ihre Nachricht; wir verstehen, dass das unangenehm ist.",
        "technical": "unsere Dokumentation sagt dazu:",
    },
    unanswered="Was hier nicht beantwortet ist, sieht sich eine Kollegin oder ein Kollege an.",
    clarify="Können Sie uns etwas genauer sagen, was Sie tun möchten?",
    related="Dazu passt:",
    closing=dict.fromkeys(_ENGLISH.greeting, "Mit freundlichen Grüßen"),
)
_FRENCH = Templates(
    greeting=dict.fromkeys(_ENGLISH.greeting, "Bonjour {name},"),
    greeting_without_name=dict.fromkeys(_ENGLISH.greeting, "Bonjour,"),
    opening={
        "professional": "Merci de nous avoir contactés.",
        "friendly": "Merci de nous avoir écrit !",
        "empathetic": "Merci de votre message ; nous comprenons que ce soit désagréable.",
        "technical": "Voici ce que dit notre documentation.",
    },
    unanswered="Un collègue examinera ce qui reste sans réponse ici.",
    clarify="Pouvez-vous nous dire plus précisément ce que vous souhaitez faire ?",
    related="Voir aussi :",
    closing=dict.fromkeys(_ENGLISH.greeting, "Cordialement"),
)
_SPANISH = Templates(
    greeting=dict.fromkeys(_ENGLISH.greeting, "Hola {name}:"),
    greeting_without_name=dict.fromkeys(_ENGLISH.greeting, "Hola:"),
    opening={
        "professional": "Gracias por ponerse en contacto con nosotros.",
        "friendly": "¡Gracias por escribirnos!",
        "empathetic": "Gracias por su mensaje; entendemos que esto es desagradable.",
        "technical": "Esto es lo que dice nuestra documentación.",
    },
    unanswered="Un compañero revisará lo que aquí queda sin respuesta.",
    clarify="¿Puede decirnos con algo más de detalle qué desea hacer?",
    related="Relacionado:",
    closing=dict.fromkeys(_ENGLISH.greeting, "Un saludo"),
)
_BY_LANGUAGE = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "es": _SPANISH}
_MAX_NAME = 40
_MAX_NAME_WORDS = 3
_NOT_A_NAME = re.compile(
    r"refund|free|credit|grant|approv|confirm|win|prize|admin|system|support|assistant|urgent|http|www",
    re.IGNORECASE,
)


def find_templates(language: str | None) -> Templates:
    """Return the templates of a language; English where there are none."""
    return _BY_LANGUAGE.get(language or "en", _ENGLISH)


def list_approved(name: str | None = None) -> list[str]:
    """Return every approved sentence, with this name in the greetings."""
    sentences: list[str] = []
    for one in _BY_LANGUAGE.values():
        sentences += [text.format(name=name) for text in one.greeting.values() if name]
        sentences += [*one.greeting_without_name.values(), *one.opening.values()]
        sentences += [one.unanswered, one.clarify, *one.closing.values()]
    return list(dict.fromkeys(sentences))


def clean_name(name: str | None) -> str | None:
    """Return a name that can stand in a greeting; None for anything that may be more."""
    words = (name or "").split()
    joined = " ".join(words)
    if not words or len(words) > _MAX_NAME_WORDS or len(joined) > _MAX_NAME:
        return None
    letters = joined.replace(" ", "").replace("-", "").replace("'", "").replace(".", "")
    is_name = letters != "" and all(unicodedata.category(one)[0] in "LM" for one in letters)
    is_safe = not _NOT_A_NAME.search(joined) and not makes_commitment(joined)
    is_capital = all(word[0] == word[0].upper() for word in words)
    return joined if is_name and is_safe and is_capital else None
