"""The stages that train a policy, one command each; what they share is in `_stage.py`."""
