"""The label model read one response at a time: a reward model made of labeling functions."""
