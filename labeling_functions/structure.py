"""Marks on the page: lists, headings, code, tables."""

from weaklabel.lf import FloatArray, TextColumn, features, response_scorer


@response_scorer(batch=True)
def list_items(response: TextColumn) -> FloatArray:
    """The answer with more list items: steps and options are easier to find in a list."""
    return features.n_list_items(response)


@response_scorer(batch=True)
def numbered_items(response: TextColumn) -> FloatArray:
    """The answer with more numbered items: it gives an order."""
    return features.n_numbered_items(response)


@response_scorer(batch=True)
def headings(response: TextColumn) -> FloatArray:
    """The answer with more headings: a long text that is divided."""
    return features.n_headings(response)


@response_scorer(batch=True)
def code_blocks(response: TextColumn) -> FloatArray:
    """The answer that sets code apart."""
    return features.n_code_fences(response) // 2


@response_scorer(batch=True)
def inline_code(response: TextColumn) -> FloatArray:
    """The answer that marks names of code."""
    return features.n_inline_code(response)


@response_scorer(batch=True)
def table_rows(response: TextColumn) -> FloatArray:
    """The answer with a table."""
    return features.n_table_rows(response)


@response_scorer(batch=True)
def bold_words(response: TextColumn) -> FloatArray:
    """The answer that marks what matters."""
    return features.n_bold(response)
