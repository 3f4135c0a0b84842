"""The twelve labeling functions on shared features of whole columns, as the shipped ones are written."""

import _lf_texts as t

from weaklabel.lf import features, keyword_scorer, pattern_scorer, response_scorer

length = response_scorer(name="length", min_gap=20, batch=True)(lambda response: features.n_chars(response))
variety = response_scorer(name="variety", batch=True)(lambda response: features.word_variety(response))
reading_ease = response_scorer(name="reading_ease", prefer="less", min_gap=5, batch=True)(
    lambda response: features.flesch_reading_ease(response)
)
hedges = pattern_scorer("hedges", good=[t.HEDGES], count_each=True, prefer="less")
examples = pattern_scorer("examples", good=[t.EXAMPLES], count_each=True)
attribution = pattern_scorer("attribution", good=[t.ATTRIBUTION], count_each=True)
numbers = response_scorer(name="numbers", min_gap=1, batch=True)(
    lambda response: features.n_numbers(response)
)
valence = response_scorer(name="valence", batch=True)(lambda response: features.valence(response))
polite = keyword_scorer("polite", t.POLITE, prefer="more")
careless = keyword_scorer("careless", t.CARELESS)
list_items = response_scorer(name="list_items", batch=True)(lambda response: features.n_list_items(response))
overlap = response_scorer(name="overlap", batch=True)(
    lambda response, prompt: features.prompt_coverage(response, prompt)
)
