"""Let a model reword a draft, and throw the wording out where it says anything new."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pydantic import Field, HttpUrl

from jobforge.autopilots.support.fact_check import find_unsupported
from jobforge.autopilots.support.reply_writer import Draft
from jobforge.autopilots.support.sentences import gives_instructions
from jobforge.core.context import HttpClient, HttpRequest
from jobforge.core.errors import TargetUnavailable
from jobforge.core.model import Model

_CITATION = re.compile(r"\[[^\[\]\n]+\]")
_SUCCESS = 200
_MAX_GROWTH = 1.3
_REQUEST = (
    "Reword the reply below so that it reads well. Keep its language, every fact, every number, "
    "name and link, and every [citation] with the sentence it stands in. Add nothing. Promise "
    "nothing. Answer with the reworded reply only.\n\n"
)


class WordingModel(Model):
    """An OpenAI-compatible endpoint that may reword drafts; nothing of the ticket is sent to it."""

    endpoint: HttpUrl = Field(strict=False, description="Up to and without /chat/completions.")
    model: str = Field(min_length=1, max_length=200)


class Wording(Model):
    """The outcome: the draft to use, and why the model's text was not taken, if it was not."""

    draft: Draft
    refused_because: tuple[str, ...] = ()


def check_wording(draft: Draft, reworded: str, *, max_length: int) -> list[str]:
    """Return what is wrong with a rewording; nothing means it may be used.

    Its numbers, links, names and commitments must stand in the draft, which quotes its sources; its
    citations must be the draft's.
    """
    faults = find_unsupported(_CITATION.sub("", reworded), [_CITATION.sub("", draft.content)])
    before, after = set(_CITATION.findall(draft.content)), set(_CITATION.findall(reworded))
    faults += [f"citation {one} is new" for one in sorted(after - before)]
    faults += [f"citation {one} is missing" for one in sorted(before - after)]
    if len(reworded) > min(max_length, len(draft.content) * _MAX_GROWTH + 50):
        faults.append("it is too long")
    if gives_instructions(reworded) or not reworded.strip():
        faults.append("it is no reply")
    return faults


async def reword(
    draft: Draft, model: WordingModel, http: HttpClient, *, max_length: int
) -> Wording:
    """Ask the model; keep the draft where the answer fails, breaks or says anything new."""
    body = {
        "model": model.model,
        "temperature": 0,
        "messages": [{"role": "user", "content": _REQUEST + draft.content}],
    }
    request = HttpRequest(
        url=f"{str(model.endpoint).rstrip('/')}/chat/completions",
        method="POST",
        headers=(("content-type", "application/json"),),
        body=json.dumps(body).encode(),
    )
    try:
        response = await http.fetch(request)
    except TargetUnavailable:
        return Wording(draft=draft, refused_because=("the model did not answer",))
    reworded = _read_answer(response.status, response.body)
    if reworded is None:
        return Wording(draft=draft, refused_because=("the model's answer could not be read",))
    faults: Sequence[str] = check_wording(draft, reworded, max_length=max_length)
    if faults:
        return Wording(draft=draft, refused_because=tuple(faults))
    return Wording(draft=draft.model_copy(update={"content": reworded}))


def _read_answer(status: int, body: bytes) -> str | None:
    if status != _SUCCESS:
        return None
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return None
    return content.strip() if isinstance(content, str) else None
