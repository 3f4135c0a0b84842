"""Texts as token ids: what people wrote is text, and only the tokenizer and its chat template write control tokens.

A tokenizer reads the string of a special token, such as `</s>` or `<|im_start|>`, as that token wherever it stands. In a
response it would end it in the middle, and in a prompt it would begin a turn that nobody took. Without a template whole
texts are read with `split_special_tokens`. With one, such strings are replaced by one character each before the template
is applied, and read piece by piece afterwards; texts without them are read as ever, in one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_PRIVATE: Final = re.compile("[\U000f0000-\U0010fffd]")


def text_ids(tokenizer: Any, texts: Sequence[str], *, framed: bool = False) -> list[list[int]]:
    """The ids of texts in which nothing is a control token; `framed` by the tokenizer's own first and last ones."""
    if not texts:
        return []
    read = tokenizer(list(texts), add_special_tokens=framed, split_special_tokens=True, verbose=False)
    ids: list[list[int]] = read["input_ids"]
    return ids


def control_tokens(tokenizer: Any) -> list[str]:
    """The strings that a chat template says something with: special tokens, and others that it names; longest first."""
    template = str(tokenizer.chat_template or "")
    added = tokenizer.added_tokens_decoder.values()
    # A tokenizer may also hold words and white space, which a template uses as anybody does.
    found = {
        str(t) for t in added if t.special or (str(t) in template and not re.fullmatch(r"\w*|\s*", str(t)))
    }
    return sorted(found | set(tokenizer.all_special_tokens), key=lambda token: (-len(token), token))


class Spoken:
    """What people wrote, on its way through a chat template.

    Args:
        tokens: of `control_tokens`.
        written: all that they wrote, texts and messages; characters that stand for control tokens are none of theirs.
    """

    def __init__(self, tokens: Sequence[str], written: Any) -> None:
        taken = {char for text in _texts(written) for char in _PRIVATE.findall(text)}
        free = (char for char in map(chr, range(0xF0000, 0x10FFFE)) if char not in taken)
        self._mark_of = dict(zip(tokens, free, strict=False))
        self._token_of = {mark: token for token, mark in self._mark_of.items()}
        self._tokens = re.compile("|".join(map(re.escape, tokens)) or "(?!)")
        self._marks = re.compile(f"([{''.join(self._token_of)}])" if tokens else "(?!)")

    def hidden(self, value: Any) -> Any:
        """A text, or messages, with a mark for each control token in it."""
        if isinstance(value, str):
            return self._tokens.sub(lambda found: self._mark_of[found[0]], value)
        if isinstance(value, Mapping):
            return {key: item if key == "role" else self.hidden(item) for key, item in value.items()}
        return [self.hidden(item) for item in value] if isinstance(value, list | tuple) else value

    def ids(self, tokenizer: Any, rendered: Sequence[str]) -> list[list[int]]:
        """The ids of texts that the template made of hidden ones."""
        whole = [text for text in rendered if not self._marks.search(text)]
        known = iter(_template_ids(tokenizer, whole))
        return [
            self._in_pieces(tokenizer, text) if self._marks.search(text) else next(known) for text in rendered
        ]

    def _in_pieces(self, tokenizer: Any, text: str) -> list[int]:
        ids: list[int] = []
        for piece in filter(None, self._marks.split(text)):
            token = self._token_of.get(piece)
            # Cut in two it is no token, not even to tokenizers that find tokens which are not called special.
            parts = (
                _template_ids(tokenizer, [piece])
                if token is None
                else text_ids(tokenizer, [token[:1], token[1:]])
            )
            for part in parts:
                ids += part
        return ids


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _template_ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """The ids of texts in which a template wrote control tokens."""
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return ids
