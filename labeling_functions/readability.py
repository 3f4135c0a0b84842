"""How the words read: simple or learned, varied or not."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(prefer="less", min_gap=5, max_gap=50, batch=True)
def reading_ease(response: TextColumn) -> FloatArray:
    """The harder text (Flesch): experts' answers read harder. Gaps over 50 come from one-word replies."""
    return features.flesch_reading_ease(response)


@response_scorer(prefer="less", min_gap=0.1, batch=True)
def lexical_diversity(response: TextColumn) -> FloatArray:
    """The lower type-token ratio: it falls as an answer stays on its subject and goes into detail."""
    return features.lexical_diversity(response)


@response_scorer(min_gap=0.02, batch=True)
def long_words(response: TextColumn) -> FloatArray:
    """The larger share of words over six letters: technical terms are long."""
    return features.long_word_share(response)


@response_scorer(prefer="less", min_gap=2, batch=True)
def sentence_length(response: TextColumn) -> FloatArray:
    """Shorter sentences: easier to follow."""
    return features.words_per_sentence(response)
