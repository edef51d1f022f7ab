"""What several wings need and none owns: files, pictures, signals, output, and how a command starts and ends.

Nothing here imports TensorFlow. Begin with `command`. A file belongs here only when at least two wings use it.
"""
