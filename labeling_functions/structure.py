"""Marks on the page: lists, headings, code, tables."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer
def list_items(response: Text) -> float:
    """The answer with more list items: steps and options are easier to find in a list."""
    return features.n_list_items(response)


@response_scorer
def numbered_items(response: Text) -> float:
    """The answer with more numbered items: it gives an order."""
    return features.n_numbered_items(response)


@response_scorer
def headings(response: Text) -> float:
    """The answer with more headings: a long text that is divided."""
    return features.n_headings(response)


@response_scorer
def code_blocks(response: Text) -> float:
    """The answer that sets code apart."""
    return features.n_code_fences(response) // 2


@response_scorer
def inline_code(response: Text) -> float:
    """The answer that marks names of code."""
    return features.n_inline_code(response)


@response_scorer
def table_rows(response: Text) -> float:
    """The answer with a table."""
    return features.n_table_rows(response)


@response_scorer
def bold_words(response: Text) -> float:
    """The answer that marks what matters."""
    return features.n_bold(response)
