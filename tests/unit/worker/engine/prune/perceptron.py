"""The nodes of a net with five units that can go, and their rows of weights."""

import numpy as np
from onnx.helper import make_node

MLP = [
    make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
    make_node("Relu", ["h"], ["r"]),
    make_node("Gemm", ["r", "b", "b_bias"], ["y"], transB=1),
]
ROWS = np.float32([[1, 1], [9, 9], [2, 2], [8, 8], [3, 3]])  # unit 1 and 3 matter most
