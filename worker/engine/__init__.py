"""Pure: ONNX in, smaller ONNX and facts out. Never celery, sqlalchemy, fastapi or app."""
