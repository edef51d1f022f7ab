"""How good samples are, in numbers, and what warns of trouble."""
