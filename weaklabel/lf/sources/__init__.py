"""Where labeling functions come from: one file per kind of source, and their registry in `kinds`."""
