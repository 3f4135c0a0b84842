"""What the answer shares with the prompt."""

from weaklabel.lf import Text, features, response_scorer


@response_scorer(min_gap=0.05)
def prompt_coverage(response: Text, prompt: Text) -> float:
    """The answer that takes up more of the prompt's content words stays on the subject."""
    return features.prompt_coverage(response, prompt)


@response_scorer(prefer="less", min_gap=0.02)
def copied_phrases(response: Text, prompt: Text) -> float:
    """An answer made of the prompt's own phrases repeats instead of answering."""
    return features.copied_share(response, prompt)


@response_scorer(min_gap=3)
def new_words(response: Text, prompt: Text) -> float:
    """The answer that adds more content words of its own informs more."""
    return features.new_content_words(response, prompt)
