"""The quality of samples in numbers, and alarms that warn of trouble in training.

Begin with `evaluation.Evaluator`. Only figures with the same protocol may be compared: whatever changes a figure must change the
protocol, and so its digest.
"""
