"""What an answer leans on: sources, links, quotations, examples, reasons, names."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer
def citations(response: Text) -> float:
    """The answer that names its sources."""
    return features.n_citations(response)


@response_scorer
def links(response: Text) -> float:
    """The answer that says where to read on."""
    return features.n_links(response)


@response_scorer
def quotations(response: Text) -> float:
    """The answer that quotes: wording to use, or evidence."""
    return features.n_quotations(response)


@response_scorer
def examples(response: Text) -> float:
    """The answer that gives examples."""
    return features.n_examples(response)


@response_scorer(min_gap=0.005)
def connectives(response: Text) -> float:
    """More because, first, however per word: a line of thought."""
    return features.n_connectives(response) / max(20.0, features.n_words(response))


@response_scorer(min_gap=2)
def names(response: Text) -> float:
    """The answer that names people, places and things is specific."""
    return features.n_names(response)


@response_scorer
def remarks(response: Text) -> float:
    """Remarks in parentheses: definitions, alternatives, units."""
    return features.n_parentheses(response)
