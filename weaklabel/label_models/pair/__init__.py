"""`pair_model`: a logistic mixture over votes, margins and texts, fitted with what gold there is."""
