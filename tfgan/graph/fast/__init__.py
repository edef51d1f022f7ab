"""Other forms of TensorFlow's operations, with the same result, that are faster on CPUs.

`layers` calls them. Where they are not faster, and inside `products.native`, TensorFlow's own operations serve.
"""
