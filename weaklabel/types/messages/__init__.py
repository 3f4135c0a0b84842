"""Messages of a conversation: the shapes they come in, transcripts, and what a chat template accepts.

The one place for all three; readers, exports, training and generation use it. Standard library only.
"""

from weaklabel.types.messages.shapes import (
    ROLES,
    Message,
    MessageProblem,
    as_messages,
    copied,
    looks_like_messages,
    spoken,
)
from weaklabel.types.messages.templates import (
    Turn,
    accepted,
    joined,
    template_turns,
    without_system,
)
from weaklabel.types.messages.transcripts import (
    as_transcript,
    asking_transcript,
    conversation,
    parse_transcript,
    prompt_of,
    said_first,
    transcript_turns,
)

__all__ = [
    "ROLES",
    "Message",
    "MessageProblem",
    "Turn",
    "accepted",
    "as_messages",
    "as_transcript",
    "asking_transcript",
    "conversation",
    "copied",
    "joined",
    "looks_like_messages",
    "parse_transcript",
    "prompt_of",
    "said_first",
    "spoken",
    "template_turns",
    "transcript_turns",
    "without_system",
]
