"""The torch floor: groups of token ids in, trained reward models and policies out.

`losses.py` is pure mathematics on differences of rewards, `models.py` loads or makes a model that scores,
`batching.py` and `layout.py` turn groups into batches, `trainer.py` trains. Runs where only torch, transformers,
accelerate, peft, pyarrow and numpy are installed; nothing here is imported until somebody trains.
"""
