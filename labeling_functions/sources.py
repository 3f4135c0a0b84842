"""What an answer leans on: sources, links, quotations, examples, reasons, names."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(batch=True)
def citations(response: TextColumn) -> FloatArray:
    """The answer that names its sources."""
    return features.n_citations(response)


@response_scorer(batch=True)
def links(response: TextColumn) -> FloatArray:
    """The answer that says where to read on."""
    return features.n_links(response)


@response_scorer(batch=True)
def quotations(response: TextColumn) -> FloatArray:
    """The answer that quotes: wording to use, or evidence."""
    return features.n_quotations(response)


@response_scorer(batch=True)
def examples(response: TextColumn) -> FloatArray:
    """The answer that gives examples."""
    return features.n_examples(response)


@response_scorer(min_gap=0.005, batch=True)
def connectives(response: TextColumn) -> FloatArray:
    """More because, first, however per word: a line of thought."""
    return features.n_connectives(response) / features.n_words(response).clip(20)


@response_scorer(min_gap=2, batch=True)
def names(response: TextColumn) -> FloatArray:
    """The answer that names people, places and things is specific."""
    return features.n_names(response)


@response_scorer(batch=True)
def remarks(response: TextColumn) -> FloatArray:
    """Remarks in parentheses: definitions, alternatives, units."""
    return features.n_parentheses(response)
