from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from jobforge.autopilots.support import KnowledgeIndex, TicketClassifier, cluster_tickets
from jobforge.autopilots.support.classifier import spell_out
from jobforge.autopilots.support.scorer import fit_scorer
from jobforge.autopilots.support.sentence_vectors import load_encoders
from jobforge.autopilots.support.starter_tickets import STARTER_TICKETS
from jobforge.core.errors import InvalidInput, SourceMalformed

TEXTS = [text for texts in STARTER_TICKETS.values() for text in texts]
LABELS = [label for label, texts in STARTER_TICKETS.items() for _ in texts]
STRANGE = [
    "what is the capital of Peru",
    "tell me a joke about cats",
    "how tall is the highest mountain",
    "play some jazz",
    "who won the world cup",
    "translate good morning to Italian",
]


@pytest.fixture(scope="module")
def classifier() -> TicketClassifier:
    return TicketClassifier.fit(TEXTS, LABELS, out_of_scope=STRANGE, vectors="static")


def test_texts_it_never_saw_get_the_right_label(classifier: TicketClassifier) -> None:
    texts = ["my login does not work", "refund my payment please", "the parcel never came"]

    labels = [prediction.label for prediction in classifier.predict(texts)]

    assert labels == ["account_access", "billing", "orders_delivery"]


def test_words_of_the_text_are_given_as_reasons(classifier: TicketClassifier) -> None:
    (prediction,) = classifier.predict(["please refund my last invoice"])

    assert {"refund", "invoice"} <= set(prediction.reasons)


def test_very_common_words_are_reasons_only_where_no_other_word_is(
    classifier: TicketClassifier,
) -> None:
    first, second = classifier.predict(["where is my", "where is my export"])

    assert first.reasons
    assert set(first.reasons) <= {"where", "is", "my"}
    assert second.reasons == ("export",)


def test_a_strange_text_is_out_of_scope_and_a_familiar_one_is_not(
    classifier: TicketClassifier,
) -> None:
    strange, familiar = classifier.predict(["what is the capital of Chile", "I cannot log in"])

    assert strange.out_of_scope
    assert not familiar.out_of_scope
    assert familiar.out_of_scope_score < strange.out_of_scope_score


def test_a_handful_of_examples_calls_nothing_out_of_scope() -> None:
    texts = [
        f"{words} {n}" for n in range(3) for words in ("flies on my rose", "the pot is broken")
    ]
    few = TicketClassifier.fit(texts, ["pests", "delivery"] * 3, vectors="static")

    (prediction,) = few.predict(["flies eat my roses"])

    assert (prediction.label, prediction.out_of_scope) == ("pests", False)


def test_confidence_means_the_share_of_right_answers() -> None:
    rng = np.random.default_rng(5)
    is_test = rng.random(len(TEXTS)) < 0.4
    fitted = TicketClassifier.fit(
        [t for t, held in zip(TEXTS, is_test, strict=True) if not held],
        [label for label, held in zip(LABELS, is_test, strict=True) if not held],
        vectors="static",
    )

    predictions = fitted.predict([t for t, held in zip(TEXTS, is_test, strict=True) if held])

    truth = [label for label, held in zip(LABELS, is_test, strict=True) if held]
    share_right = np.mean([p.label == y for p, y in zip(predictions, truth, strict=True)])
    assert abs(np.mean([p.confidence for p in predictions]) - share_right) < 0.15


def test_alternatives_are_ordered_and_never_surer_than_the_label(
    classifier: TicketClassifier,
) -> None:
    for prediction in classifier.predict(["hm", "the invoice export crashes", ""]):
        shares = [one.confidence for one in prediction.alternatives]
        assert shares == sorted(shares, reverse=True)
        assert all(0 <= share <= prediction.confidence <= 1 for share in shares)
        assert prediction.confidence + sum(shares) <= 1 + 1e-6


def test_the_same_input_gives_the_same_classifier(classifier: TicketClassifier) -> None:
    again = TicketClassifier.fit(TEXTS, LABELS, out_of_scope=STRANGE, vectors="static")

    assert again.predict(TEXTS[:20]) == classifier.predict(TEXTS[:20])


def test_a_saved_classifier_predicts_as_before(
    classifier: TicketClassifier, tmp_path: Path
) -> None:
    path = tmp_path / "tickets.model"

    classifier.save(path)

    assert TicketClassifier.load(path).predict(TEXTS) == classifier.predict(TEXTS)


def test_a_model_file_holds_no_pickle_and_no_text(
    classifier: TicketClassifier, tmp_path: Path
) -> None:
    path = tmp_path / "tickets.model"
    classifier.save(path)

    with zipfile.ZipFile(path) as archive:
        contents = b"".join(archive.read(name) for name in archive.namelist())

    assert all(name.endswith(".npy") for name in zipfile.ZipFile(path).namelist())
    assert b"charged twice" not in contents


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04broken"])
def test_another_file_is_not_taken_for_a_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(SourceMalformed):
        TicketClassifier.load(path)


def test_a_missing_model_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceMalformed):
        TicketClassifier.load(tmp_path / "nowhere")


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    @override
    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.marker,)


def test_a_pickled_object_in_a_model_file_is_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "evil.npz", tmp_path / "was run"
    np.savez(path, header=np.array([Evil(marker)], dtype=object))

    with pytest.raises(SourceMalformed):
        TicketClassifier.load(path)

    assert not marker.exists()


def test_texts_and_labels_must_be_as_many() -> None:
    with pytest.raises(InvalidInput, match="2 texts but 1 labels"):
        TicketClassifier.fit(["a", "b"], ["x"])


def test_landmarks_come_close_to_the_exact_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.unique(LABELS, return_inverse=True)[1]
    targets = np.eye(numbers.max() + 2, dtype=np.float32)[numbers]

    def fit() -> np.ndarray:
        encoders = load_encoders("static")
        scorer, left_out = fit_scorer(
            TEXTS, targets, encoders=encoders, n_left_out=len(TEXTS), seed=0
        )
        scores = scorer.score(scorer.space.place(TEXTS)).classes
        return np.stack((scores, left_out.classes))

    exact = fit()
    monkeypatch.setattr("jobforge.autopilots.support.scorer.MAX_EXACT_ROWS", 0)
    monkeypatch.setattr("jobforge.autopilots.support.scorer.N_LANDMARKS", len(TEXTS))

    assert np.abs(fit() - exact).max() < 0.02


def test_a_score_left_out_is_the_score_without_the_row() -> None:
    numbers = np.unique(LABELS, return_inverse=True)[1]
    targets = np.eye(numbers.max() + 2, dtype=np.float32)[numbers]
    encoders = load_encoders("static")
    _, left_out = fit_scorer(TEXTS, targets, encoders=encoders, n_left_out=1, seed=0)

    without, _ = fit_scorer(TEXTS[:-1], targets[:-1], encoders=encoders, n_left_out=1, seed=0)
    scored = without.score(without.space.place(TEXTS[-1:])).classes

    assert np.abs(scored - left_out.classes).max() < 0.1
    assert scored.argmax() == left_out.classes.argmax()


@pytest.mark.parametrize(
    ("label", "words"),
    [("card_arrival", "card arrival"), ("cardArrival", "card arrival"), ("Größe-2", "größe 2")],
)
def test_a_labels_name_is_read_as_words(label: str, words: str) -> None:
    assert spell_out(label) == words


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_gets_a_label_and_probabilities(classifier: TicketClassifier, text: str) -> None:
    (prediction,) = classifier.predict([text])

    assert prediction.label in classifier.labels
    assert 0 <= prediction.confidence <= 1
    assert 0 <= prediction.out_of_scope_score <= 1


def test_no_texts_give_no_predictions(classifier: TicketClassifier) -> None:
    assert classifier.predict([]) == []


def test_half_a_character_is_read_like_any_other_text(classifier: TicketClassifier) -> None:
    texts = ["please refund me \ud83d", "\udc00", "refund \ud800 now"]

    assert len(classifier.predict(texts)) == len(texts)
    learned = TicketClassifier.fit([*texts, "log in", "sign in"], ["a", "b", "a", "b", "b"])
    assert len(learned.predict(texts)) == len(texts)
    assert len(cluster_tickets([*texts, "log in"], k=2)) == 4
    index = KnowledgeIndex.build([{"article_id": "x", "title": "refund \ud83d"}])
    assert index.search("refund \udfff", 1)[0].article_id == "x"


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match="text 1"):
        TicketClassifier.fit(["a text", None], ["a", "b"])  # type: ignore[list-item]  # on purpose
