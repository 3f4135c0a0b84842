"""How much is said. The strongest single signal in most preference data, and the first one to distrust."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(min_gap=20, batch=True)
def characters(response: TextColumn) -> FloatArray:
    """The longer answer: people take length for effort."""
    return features.n_chars(response)


@response_scorer(min_gap=0.1, batch=True)
def words(response: TextColumn) -> FloatArray:
    """The answer with more words, on a log scale: twice as long counts the same at any length."""
    return features.log_words(response)


@response_scorer(min_gap=3, batch=True)
def distinct_words(response: TextColumn) -> FloatArray:
    """The answer with more different words: saying things twice does not help."""
    return features.n_distinct_words(response)


@response_scorer(min_gap=2, batch=True)
def sentences(response: TextColumn) -> FloatArray:
    """The answer with more sentences: it makes more points."""
    return features.n_sentences(response)


@response_scorer(min_gap=2, batch=True)
def paragraphs(response: TextColumn) -> FloatArray:
    """The answer set in more paragraphs: easier to scan than one block."""
    return features.n_paragraphs(response)


@response_scorer(prefer="less", batch=True)
def too_short(response: TextColumn) -> FloatArray:
    """An answer under twenty words leaves most requests open."""
    return (20 - features.n_words(response)).clip(0)
