"""SuperHF in rounds: superbatches of the policy's own samples, of which it learns the best, held to a prior.

`settings`: what it can be told. `superbatches`: drawing, trimming, scoring and choosing. `told`: what became of them, in a
file and in figures. `looking`: what the audit shows, and the time. `stage`: a round. `frontier`: the stage at several values of a setting.
"""
