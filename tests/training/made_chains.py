"""Three small tokenizers whose boundaries are traps, and chains to read with them."""

from __future__ import annotations

from typing import Any

from weaklabel.training.chains.tokens import Chain, Part

END, BOS, PAD = "<end>", "<bos>", "<pad>"
ASKED = ("sort 3 1\nbad:", "better:", "best:")
OUTPUTS = ("31", "13", "133")
TEXTS = [f"{asked}\n\n{output}" for asked in ASKED for output in OUTPUTS]


def tokenizer_of(kind: str) -> Any:
    """ "merging", whose tokens reach over the blank line before an output; "characters"; or "first", with a first token."""
    from tokenizers import Tokenizer, decoders, models, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token=None))
    made.decoder = decoders.Fuse()
    size = 60 if kind == "merging" else 1
    special = [PAD, END, BOS]
    made.train_from_iterator(
        TEXTS * 20, trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    )
    if kind == "first":
        made.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", special_tokens=[(BOS, made.token_to_id(BOS))]
        )
    names = {"pad_token": PAD, "eos_token": END} | ({"bos_token": BOS} if kind == "first" else {})
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=512, **names)


def chain(*learned: bool, w: float = 1.0, **more: Any) -> Chain:
    """As many outputs as there are words on whether they are learned."""
    parts = [
        Part(asked, output, asked.rpartition("\n")[2], each)
        for asked, output, each in zip(ASKED, OUTPUTS, learned, strict=False)
    ]
    return Chain(tuple(parts), w, **more)
