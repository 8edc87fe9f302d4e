"""Hugging Face folders (config.json beside safetensors): networks that transformers knows,
never code or pickles of the folder."""
