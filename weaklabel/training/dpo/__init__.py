"""Direct preference optimisation: settings, reference log-probabilities, layouts, trainer, and a whole run."""
