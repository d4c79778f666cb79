"""A classifier's parts in one file of arrays, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobforge.autopilots.support.calibration import Logistic, Temperature
from jobforge.autopilots.support.model_file import load_arrays, save_arrays
from jobforge.autopilots.support.scorer import Scorer
from jobforge.autopilots.support.sentence_vectors import load_encoders_by_name
from jobforge.autopilots.support.terms import TermWeights
from jobforge.autopilots.support.text_space import TextSpace
from jobforge.core.errors import SourceMalformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KIND = "ticket-classifier"
_VERSION = 1
_SCORER_ARRAYS = ("anchor_weights", "word_weights", "character_weights", "bias")
_LOGISTIC_ARRAYS = ("mean", "scale", "weights")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a classifier is made of."""

    labels: tuple[str, ...]
    scorer: Scorer
    temperature: Temperature
    logistics: tuple[Logistic, Logistic]
    scope_threshold: float


def write_parts(
    path: Path,
    *,
    labels: Sequence[str],
    scorer: Scorer,
    temperature: Temperature,
    logistics: tuple[Logistic, Logistic],
    scope_threshold: float,
) -> None:
    """Write the parts to one file."""
    header = {
        "kind": _KIND,
        "version": _VERSION,
        "labels": list(labels),
        "encoders": [encoder.name for encoder in scorer.space.encoders],
        "temperature": temperature.factor,
        "biases": [one.bias for one in logistics],
        "scope_threshold": scope_threshold,
    }
    arrays: dict[str, NDArray[Any]] = {name: getattr(scorer, name) for name in _SCORER_ARRAYS}
    for name, terms in (("word", scorer.space.words), ("character", scorer.space.characters)):
        arrays |= {f"{name}_codes": terms.codes, f"{name}_idf": terms.idf}
    for place, (anchors, centre) in enumerate(
        zip(scorer.anchors, scorer.space.centres, strict=True)
    ):
        arrays |= {f"anchors_{place}": anchors, f"centre_{place}": centre}
    for place, one in enumerate(logistics):
        arrays |= {f"{name}_{place}": getattr(one, name) for name in _LOGISTIC_ARRAYS}
    save_arrays(path, arrays, header)


def read_parts(path: Path) -> Parts:
    """Read what `write_parts` wrote.

    Raises:
        SourceMalformed: the file is not a classifier, or one of another version.
        Unavailable: its sentence vectors are not installed here.
    """
    arrays, header = load_arrays(path, kind=_KIND)
    if header["version"] != _VERSION:
        raise SourceMalformed(f"{path.name} has version {header['version']}, not {_VERSION}")
    try:
        return _assemble(arrays, header)
    except KeyError as error:
        raise SourceMalformed(f"{path.name} lacks a part") from error


def _assemble(arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> Parts:
    encoders = load_encoders_by_name(header["encoders"])
    places = range(len(encoders))
    space = TextSpace(
        words=TermWeights(arrays["word_codes"], arrays["word_idf"]),
        characters=TermWeights(arrays["character_codes"], arrays["character_idf"]),
        centres=tuple(arrays[f"centre_{place}"] for place in places),
        encoders=encoders,
    )
    scorer = Scorer(
        space=space,
        anchors=tuple(arrays[f"anchors_{place}"] for place in places),
        **{name: arrays[name] for name in _SCORER_ARRAYS},
    )
    confidence, scope = (
        Logistic(**{name: arrays[f"{name}_{place}"] for name in _LOGISTIC_ARRAYS}, bias=bias)
        for place, bias in enumerate(header["biases"])
    )
    return Parts(
        labels=tuple(header["labels"]),
        scorer=scorer,
        temperature=Temperature(header["temperature"]),
        logistics=(confidence, scope),
        scope_threshold=header["scope_threshold"],
    )
