"""ONNX files of any size: large tensors stay in the file and are mapped when they are read.

    read_model(path)        a ModelProto whose large initializers only name their place
    array(tensor)           the numbers of any tensor; a mapped one is not copied
    Spill(path)             where new large tensors go, one after the other
    write_model(model, to)  one ordinary .onnx file again, streamed tensor by tensor

So a pass over a model costs what it touches: never more than the tensors it holds itself.
Nothing else in the engine may call `onnx.load`, `onnx.save` or `numpy_helper.to_array` on a
model's initializers: they do not know a mapped tensor.
"""
