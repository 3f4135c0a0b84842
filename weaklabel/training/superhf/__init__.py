"""SuperHF's loss and update: likelihood of the best samples, held to a prior."""
