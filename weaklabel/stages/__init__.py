"""What comes after the labels: language models trained in rounds, files in and files out, and watched on the way."""
