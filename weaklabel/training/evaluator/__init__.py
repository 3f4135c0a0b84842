"""The evaluator: a classifier of two labels that reads a question, the current answer and a proposed one."""
