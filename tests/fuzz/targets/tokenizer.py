"""tokenizer.json, read by the tokenizers library, and texts that it takes apart."""

import json
from collections.abc import Iterator
from typing import Any

import atheris

with atheris.instrument_imports(include=["worker.engine.intake.formats.table.tokens"]):
    from worker.engine.intake.formats.table.tokens import Tokens

from lathe.layout import TextLayout
from tests.fuzz import json_edits
from tests.fuzz.scratch import held
from tests.fuzz.target import Target
from worker.engine.onnx_file.place import whole

_LAYOUTS = (TextLayout(), TextLayout(length=4, pad_id=1), TextLayout(pair="joined"))
_TEXTS = ["one two", "", "twoone\u0301 \U0001f600 [MASK]", "one " * 40]
_WORDS = {"[UNK]": 0, "[PAD]": 1, "one": 2, "two": 3, "##one": 4, "o": 5, "n": 6, "on": 7}
_ADDED = [
    {
        "id": 8, "content": "[MASK]", "single_word": False, "lstrip": True, "rstrip": False,
        "normalized": False, "special": True,
    }
]  # fmt: skip
_MODELS: tuple[dict[str, Any], ...] = (
    {"type": "WordLevel", "vocab": _WORDS, "unk_token": "[UNK]"},
    {
        "type": "WordPiece", "vocab": _WORDS, "unk_token": "[UNK]",
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    },
    {
        "type": "BPE", "vocab": _WORDS, "merges": [["o", "n"]], "unk_token": "[UNK]",
        "dropout": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "end_of_word_suffix": None, "continuing_subword_prefix": None,
    },
    {
        "type": "Unigram", "unk_id": 0, "byte_fallback": False,
        "vocab": [["<unk>", 0.0], ["one", -1.5], ["two", -2.5], [" ", -3.0]],
    },
)  # fmt: skip
_BEFORE: tuple[tuple[Any, Any], ...] = (
    (None, {"type": "Whitespace"}),
    (
        {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True,
        },
        {"type": "BertPreTokenizer"},
    ),
    (
        {"type": "Replace", "pattern": {"Regex": "o+"}, "content": "o"},
        {
            "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
            "use_regex": True,
        },
    ),
    (
        {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
        {
            "type": "Split", "pattern": {"Regex": "(o|n)*e"}, "behavior": "Isolated",
            "invert": False,
        },
    ),
)  # fmt: skip
_AFTER: dict[str, Any] = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "[PAD]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
    "pair": [
        {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
    ],
    "special_tokens": {"[PAD]": {"id": "[PAD]", "ids": [1], "tokens": ["[PAD]"]}},
}  # fmt: skip
DOCUMENTS = [
    json.dumps(
        {
            "version": "1.0",
            "truncation": {
                "direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0,
            },
            "padding": {
                "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None,
                "pad_id": 1, "pad_type_id": 0, "pad_token": "[PAD]",
            },
            "added_tokens": _ADDED,
            "normalizer": normalizer,
            "pre_tokenizer": splitter,
            "post_processor": _AFTER if number % 2 else None,
            "decoder": None,
            "model": model,
        }
    )
    for number, (model, (normalizer, splitter)) in enumerate(zip(_MODELS, _BEFORE, strict=True))
]  # fmt: skip
_NAMES = [
    "WordLevel", "WordPiece", "BPE", "Unigram", "Metaspace", "Punctuation", "Digits",
    "UnicodeScripts", "Strip", "Prepend", "Precompiled", "Nmt", "RobertaProcessing",
    "BertProcessing", "(a+)+$", "(?=o)*", "\\p{L}+", "Left", "OnlyFirst", "BatchLongest",
]  # fmt: skip


def _one(data: bytes) -> None:
    layout = _LAYOUTS[data[0] % len(_LAYOUTS) if data else 0]
    tokens = Tokens.open(whole(held(json_edits.text(DOCUMENTS, data[1:], _NAMES))), layout)
    texts: list[Any] = _TEXTS
    if layout.pair == "joined":
        texts = [(text, "two") for text in _TEXTS]
    for told in tokens.encode(texts, str):
        assert told.shape == (len(_TEXTS), tokens.length)
    tokens.findings()


def _seeds() -> Iterator[bytes]:
    for number in range(len(_LAYOUTS)):
        for seed in json_edits.seeds(DOCUMENTS):
            yield bytes([number]) + seed


TARGET = Target("tokenizer.json and texts", _one, _seeds, longest=4096)
