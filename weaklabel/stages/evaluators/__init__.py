"""The stage `evaluator`: settings, pairs built from demonstrations, the stage itself."""
