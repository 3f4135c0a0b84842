"""`Demonstration`: a prompt and the response that a policy is to learn."""

from __future__ import annotations

from dataclasses import dataclass, field

from weaklabel.types.messages import Message


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A prompt and the response to learn.

    Attributes:
        prompt: what the response answers.
        completion: the response.
        messages: the conversation that stands for the prompt where the tokenizer has a chat template; may be empty.
        w: how much the example counts, 0 or from 1e-6 to 1e6.
        pinned: whether a person says that it is right, so that no stage replaces it.
    """

    prompt: str
    completion: str
    messages: tuple[Message, ...] = ()
    w: float = 1.0
    pinned: bool = field(default=False, repr=False)  # nothing of what is learned, which hashes are made of
