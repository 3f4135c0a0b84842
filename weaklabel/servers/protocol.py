"""The OpenAI protocol: a question as what is sent, and what came back as an answer. No network in here."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from weaklabel.artifacts import json_text, parse_json

Api = Literal["chat", "completions"]
"""Chat completions, or plain completions for a model without a chat template."""

_OMIT: Final = "omit"
_MOST_TOKENS: Final = 1 << 40  # a count beyond this is no count, and a cost made of it no number
_MONEY: Final = ("insufficient_quota", "billing_hard_limit_reached")


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `body` holds further fields of the protocol; a field set to "omit" is left out.

    Attributes:
        prompt: the user's message (chat), or the text to be continued (completions).
        system: the system message, put before the prompt by an empty line for completions. "" for none.
        max_tokens: longest answer, in tokens.
        top_logprobs: how many candidates per token to ask for; 0 asks for no log-probabilities.
    """

    prompt: str
    system: str = ""
    max_tokens: int = 16
    top_logprobs: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the answer: its text, and the candidates for its place as `(text, log-probability in nats)`."""

    text: str
    candidates: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered.

    Attributes:
        text: the answer.
        tokens: its tokens with their log-probabilities; empty where the server gave none.
        finish: why it ended: "stop", "length", "content_filter", ... or "".
        refused: whether the server marked it as a refusal.
        tokens_in, tokens_out: what the server says it cost, None where it does not say.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    finish: str = ""
    refused: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None


def body_of(request: Request, *, model: str, api: Api, refused: Collection[str]) -> dict[str, Any]:
    """The fields to send. `refused` holds those of "logprobs" and "max_tokens" that this server does not take."""
    chat = api == "chat"
    body: dict[str, Any] = {"model": model, "temperature": 0, "stream": False}
    if chat:
        system = [{"role": "system", "content": request.system}] if request.system else []
        body["messages"] = [*system, {"role": "user", "content": request.prompt}]
    else:
        body["prompt"] = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
    body["max_completion_tokens" if "max_tokens" in refused else "max_tokens"] = request.max_tokens
    if request.top_logprobs and "logprobs" not in refused:
        asked = request.top_logprobs
        body |= {"logprobs": True, "top_logprobs": asked} if chat else {"logprobs": asked}
    body |= request.body
    return {name: value for name, value in body.items() if value != _OMIT}


def refused_field(status: int, said: str, body: Mapping[str, Any], request: Request) -> str | None:
    """The field of `body` that the server refused and can do without, None where that is not what happened.

    Judged by what this request held, not by what is known of the server: others are under way at the same time.
    """
    if status not in (400, 422):
        return None
    for name, word in (("logprobs", "logprob"), ("max_tokens", "max_completion_tokens")):
        if word in said and name in body and name not in request.body:
            return name
    return None


def reply_of(text: str) -> Reply:
    """The answer in the body of a response.

    Raises:
        ValueError: it is no completion.
    """
    try:
        return _reply_of(parse_json(text.removeprefix("\ufeff")))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(repr(error)) from None


def message_of(text: str) -> str:
    """The words of an error: {"error": {"message": ...}}, or {"detail": ...}, or the body as it is."""
    try:
        found = parse_json(text)
        error = found.get("error", found.get("detail", found.get("message", "")))
        words = error.get("message", error) if isinstance(error, dict) else error
        return words if isinstance(words, str) else json_text(words)
    except (ValueError, AttributeError):
        return text


def is_out_of_money(status: int, said: str) -> bool:
    return status == 402 or any(word in said for word in _MONEY)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After` (a number or a date) or `retry-after-ms`; None where they say nothing."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        seconds = float(headers["retry-after"])
        return max(0.0, seconds) if seconds == seconds else None
    except KeyError:
        return None
    except ValueError:
        return _until(headers.get("retry-after", ""))


def _until(date: str) -> float | None:
    try:
        found = email.utils.parsedate_tz(date)
        return None if found is None else max(0.0, email.utils.mktime_tz(found) - time.time())
    except (ValueError, OverflowError):
        return None


def _reply_of(value: Any) -> Reply:
    choice = value["choices"][0]
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    chat = "message" in choice
    text = choice["message"].get("content") if chat else choice["text"]
    refusal = choice["message"].get("refusal") if chat else None
    if not all(said is None or isinstance(said, str) for said in (text, refusal)):
        raise TypeError("content is no text")
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else ""
    return Reply(
        text=_whole(text or refusal or ""),
        tokens=_tokens_of(choice.get("logprobs")),
        finish=finish,
        refused=bool(refusal) or finish == "content_filter",
        tokens_in=_count_of(usage.get("prompt_tokens")),
        tokens_out=_count_of(usage.get("completion_tokens")),
    )


def _tokens_of(logprobs: Any) -> tuple[Token, ...]:
    """Tokens with candidates; none where the log-probabilities are not as the protocol has them: the text is."""
    try:
        if not logprobs:
            return ()
        return _of_chat(logprobs["content"] or ()) if "content" in logprobs else _of_completions(logprobs)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return ()


def _of_chat(content: Any) -> tuple[Token, ...]:
    tops = ((item["token"], item.get("top_logprobs") or [item]) for item in content)
    return tuple(_token(text, [(c["token"], c["logprob"]) for c in top]) for text, top in tops)


def _of_completions(logprobs: Any) -> tuple[Token, ...]:
    """Plain completions give parallel lists."""
    texts = logprobs["tokens"]
    tops = logprobs.get("top_logprobs") or [None] * len(texts)
    own = logprobs.get("token_logprobs") or [None] * len(texts)
    return tuple(
        _token(text, list(top.items()) if top else [] if lp is None else [(text, lp)])
        for text, top, lp in zip(texts, tops, own, strict=True)
    )


def _token(text: Any, candidates: list[tuple[Any, Any]]) -> Token:
    if not all(isinstance(word, str) for word in (text, *(candidate for candidate, _ in candidates))):
        raise TypeError("a token is no text")
    return Token(_whole(text), tuple((_whole(word), float(logprob)) for word, logprob in candidates))


def _whole(text: str) -> str:
    """`text` with U+FFFD for half a character (a lone surrogate), which JSON can hold and a table cannot."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count_of(value: Any) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if known else None
