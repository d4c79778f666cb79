"""Which language a text is in, and how easy it reads there."""

from __future__ import annotations

import pytest

from jobforge.autopilots.growth.content.languages import (
    language_of,
    reading_ease_in,
    syllables_in,
)
from jobforge.autopilots.growth.content.text import reading_ease, words

TEXTS = {
    "de": (
        "Mit dieser Software sehen Sie auf einen Blick, was Ihre Kunden bestellen und wann "
        "die Ware im Lager ist. Wenn ein Artikel zu Ende geht, schreibt das Programm eine "
        "Nachricht an den Einkauf. So müssen Sie nicht mehr jeden Tag von Hand zählen, und es"
        " fehlt nichts, wenn ein Kunde es braucht."
    ),
    "nl": (
        "Met deze software ziet u in een oogopslag wat uw klanten bestellen en wanneer de "
        "goederen in het magazijn zijn. Als een artikel bijna op is, stuurt het programma een"
        " bericht naar de inkoop. Zo hoeft u niet meer elke dag met de hand te tellen en is "
        "er altijd genoeg voor de klant."
    ),
    "fr": (
        "Avec ce logiciel, vous voyez d'un coup d'œil ce que vos clients commandent et quand "
        "les produits sont dans le stock. Si un article vient à manquer, le programme envoie "
        "un message au service des achats. Vous ne comptez plus tous les jours à la main, et "
        "il ne manque rien pour le client."
    ),
    "es": (
        "Con este programa usted ve de un vistazo lo que piden sus clientes y cuando los "
        "productos están en el almacén. Si un artículo se va a acabar, el programa envía un "
        "mensaje a la persona que compra. Así no hay que contar todos los días a mano y no "
        "falta nada para el cliente."
    ),
    "it": (
        "Con questo programma si vede in un momento che cosa ordinano i clienti e quando la "
        "merce è nel magazzino. Se un articolo sta per finire, il programma manda un "
        "messaggio a chi compra. Così non si deve più contare a mano tutti i giorni e non "
        "manca nulla per il cliente."
    ),
}
ENGLISH = (
    "With this program you see at a glance what your customers order and when it is in the store. "
    "If an article is about to run out, it writes a message to those who buy. So you need not "
    "count by hand every day."
)
COUNTED = {
    "de": "Haus 1 Katze 2 Freude 2 Nation 3 Theater 3 Universität 5 Häuser 2 Quelle 2 Idee 2",
    "nl": "huis 1 fiets 1 mooie 2 gebouw 2 nieuwe 2 vrijheid 2 leeuw 1 kwaliteit 3 eenvoudig 3",
    "fr": "maison 2 table 1 école 2 nation 2 beaucoup 2 quatre 1 langue 1 parlent 1 client 2",
    "es": "casa 2 ciudad 2 país 2 guerra 2 queso 2 aéreo 4 teoría 4 agua 2 muy 1 información 4",
    "it": "casa 2 città 2 chiesa 2 acqua 2 giorno 2 più 1 azione 3 qualità 3 paese 3 famiglia 3",
}


@pytest.mark.parametrize("language", TEXTS)
def test_the_language_of_running_text_is_told_by_its_small_words(language: str) -> None:
    assert language_of(TEXTS[language]) == language


def test_english_unknown_and_short_texts() -> None:
    assert language_of(ENGLISH) == "en"
    assert language_of("Krótki tekst") == "en"
    assert language_of("lorem ipsum dolor sit amet consectetur " * 10) is None


@pytest.mark.parametrize("language", COUNTED)
def test_syllables_are_those_counted_by_hand(language: str) -> None:
    listed = COUNTED[language].split()
    expected = dict(zip(listed[::2], map(int, listed[1::2]), strict=True))

    assert {word: syllables_in(language, word) for word in expected} == expected


def test_the_formula_is_the_languages_own() -> None:
    assert reading_ease_in("de", "Das Haus ist alt.") == pytest.approx(180 - 4 - 58.5)
    assert reading_ease_in("es", "La casa es roja.") == pytest.approx(206.84 - 1.02 * 4 - 60 * 1.5)
    assert reading_ease_in("en", ENGLISH) == reading_ease(ENGLISH)
    assert reading_ease_in(None, ENGLISH) is None
    assert reading_ease_in("fr", "") is None


@pytest.mark.parametrize(
    ("language", "by_textstat"),
    [("de", 81.67), ("nl", 78.87), ("fr", 100.14), ("es", 94.32), ("it", 91.77)],
)
def test_reading_ease_is_near_textstat_s(language: str, by_textstat: float) -> None:
    assert len(words(TEXTS[language])) > 30
    assert reading_ease_in(language, TEXTS[language]) == pytest.approx(by_textstat, abs=7)
