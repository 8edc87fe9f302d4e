"""ONNX's messages as the head knows them: which field holds what.

Numbers and types are those of onnx.proto (ONNX 1.23). A field that is not listed here, or one
that is written in an unusual way, travels as verbatim bytes, so nothing depends on this table
being complete; but it is a part of the format and changes only with the format's version.
"""

from enum import IntEnum, auto

DEEPEST = 48  # messages inside messages; deeper ones travel as verbatim bytes


class Message(IntEnum):
    """The kinds of message; the numbers are contexts of the head's coder."""

    MODEL = 0
    GRAPH = auto()
    NODE = auto()
    ATTRIBUTE = auto()
    TENSOR = auto()
    SPARSE = auto()
    VALUE = auto()
    TYPE = auto()
    TENSOR_TYPE = auto()
    SHAPE = auto()
    DIM = auto()
    OPSET = auto()
    ENTRY = auto()
    FUNCTION = auto()
    ANNOTATION = auto()


class Scalar(IntEnum):
    """The kinds of field that hold no message."""

    NUMBER = 100  # a varint
    FLOAT = auto()  # four bytes
    TEXT = auto()  # bytes whose content is free
    WORD = auto()  # text out of a small vocabulary
    READ = auto()  # the name of a value that is used here
    MADE = auto()  # the name of a value that a node or function makes
    HELD = auto()  # the name of a value that is given from outside: a tensor, an input
    TOLD = auto()  # the name of a value that was made before
    DATA = auto()  # the little-endian numbers of a tensor: cut out


_M, _S = Message, Scalar
FIELDS: dict[Message, dict[int, Message | Scalar]] = {
    _M.MODEL: {
        1: _S.NUMBER, 2: _S.WORD, 3: _S.WORD, 4: _S.WORD, 5: _S.NUMBER, 6: _S.TEXT,
        7: _M.GRAPH, 8: _M.OPSET, 14: _M.ENTRY, 25: _M.FUNCTION,
    },
    _M.GRAPH: {
        1: _M.NODE, 2: _S.WORD, 5: _M.TENSOR, 10: _S.TEXT, 11: _M.VALUE, 12: _M.VALUE,
        13: _M.VALUE, 14: _M.ANNOTATION, 15: _M.SPARSE, 16: _M.ENTRY,
    },
    _M.NODE: {
        1: _S.READ, 2: _S.MADE, 3: _S.TEXT, 4: _S.WORD, 5: _M.ATTRIBUTE, 6: _S.TEXT,
        7: _S.WORD, 8: _S.WORD, 9: _M.ENTRY,
    },
    _M.ATTRIBUTE: {
        1: _S.WORD, 2: _S.FLOAT, 3: _S.NUMBER, 4: _S.WORD, 5: _M.TENSOR, 6: _M.GRAPH,
        7: _S.FLOAT, 8: _S.NUMBER, 9: _S.WORD, 10: _M.TENSOR, 11: _M.GRAPH, 13: _S.TEXT,
        14: _M.TYPE, 15: _M.TYPE, 20: _S.NUMBER, 21: _S.WORD, 22: _M.SPARSE, 23: _M.SPARSE,
    },
    _M.TENSOR: {
        1: _S.NUMBER, 2: _S.NUMBER, 4: _S.DATA, 8: _S.HELD, 9: _S.DATA, 10: _S.DATA,
        12: _S.TEXT, 13: _M.ENTRY, 14: _S.NUMBER, 16: _M.ENTRY,
    },
    _M.SPARSE: {1: _M.TENSOR, 2: _M.TENSOR, 3: _S.NUMBER},
    _M.VALUE: {1: _S.TOLD, 2: _M.TYPE, 3: _S.TEXT, 4: _M.ENTRY},
    _M.TYPE: {1: _M.TENSOR_TYPE, 6: _S.WORD, 8: _M.TENSOR_TYPE},
    _M.TENSOR_TYPE: {1: _S.NUMBER, 2: _M.SHAPE},
    _M.SHAPE: {1: _M.DIM},
    _M.DIM: {1: _S.NUMBER, 2: _S.WORD, 3: _S.WORD},
    _M.OPSET: {1: _S.WORD, 2: _S.NUMBER},
    _M.ENTRY: {1: _S.WORD, 2: _S.TEXT},
    _M.FUNCTION: {
        1: _S.WORD, 4: _S.MADE, 5: _S.READ, 6: _S.WORD, 7: _M.NODE, 8: _S.TEXT, 9: _M.OPSET,
        10: _S.WORD, 11: _M.ATTRIBUTE, 12: _M.VALUE, 13: _S.WORD, 14: _M.ENTRY,
    },
    _M.ANNOTATION: {1: _S.TOLD, 2: _M.ENTRY},
}  # fmt: skip

VARINT, FIXED32, DELIMITED = 0, 5, 2  # protobuf's wire types
DIMS, DATA_TYPE, FLOAT_DATA, TENSOR_NAME, RAW_DATA, DOUBLE_DATA = 1, 2, 4, 8, 9, 10  # in TENSOR
