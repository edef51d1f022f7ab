"""How good samples are, in numbers, and what warns of trouble.

Begin with `evaluation.Evaluator`. A protocol's digest names figures that may be compared: whatever changes a figure changes the
protocol.
"""
