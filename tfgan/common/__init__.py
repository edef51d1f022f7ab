"""What several wings need and none owns: files, pictures, numbers, signals, output, and how a command starts and ends.

Begin with `command`. Nothing here may import TensorFlow. A file belongs here only when at least two wings use it.
"""
