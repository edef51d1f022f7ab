"""The names in the folder of an exported generator."""

FILES = {"savedmodel": "saved_model", "tflite": "model.tflite", "onnx": "model.onnx"}  # format -> its name
ABOUT = "model.json"  # describes the generator; `common.folders` has a list of all files in it
