"""Texts as token ids, by the tokenizer.json that was uploaded beside them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from lathe.errors import InvalidSpec, NotADataset
from lathe.facts import Finding
from lathe.layout import TextLayout
from worker.engine.intake.formats.window import window
from worker.engine.onnx_file.place import Place

MOST_BYTES = 64 << 20
LENGTH = 128
MOST_LENGTH = 16_384  # as many as a layout may ask for
MOST_UNKNOWN = 0.5  # of all tokens: more, and the tokenizer is of other texts
PADS = ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>", "</s>")
WHERE = "tokenizer.json"

Text = str | tuple[str, str]


@dataclass(slots=True)
class Tokens:
    """A tokenizer that cuts and pads to one length, and what it could not read."""

    tokenizer: Tokenizer
    length: int
    unknown_id: int | None
    texts: int = 0
    cut: int = 0
    tokens: int = 0
    unknown: int = 0

    @classmethod
    def open(cls, place: Place, layout: TextLayout) -> "Tokens":
        """Raises NotADataset for what is no tokenizer, InvalidSpec for a length too short."""
        tokenizer, model = _loaded(place)
        length = layout.length or (tokenizer.truncation or {}).get("max_length") or LENGTH
        if length > MOST_LENGTH:
            raise InvalidSpec(
                f"the tokenizer cuts at {length} tokens and pads to as many; say how many each "
                f"text needs, up to {MOST_LENGTH}",
                param="layout.texts.length",
            )
        special = tokenizer.num_special_tokens_to_add(is_pair=layout.pair == "joined")
        if length <= special:
            raise InvalidSpec(
                f"the tokenizer adds {special} tokens of its own, so {length} leave no room "
                "for text; ask for more",
                param="layout.texts.length",
            )
        tokenizer.enable_truncation(length)
        pad_id = _pad_id(tokenizer, layout)
        pad_token = tokenizer.id_to_token(pad_id) or ""
        tokenizer.enable_padding(length=length, pad_id=pad_id, pad_token=pad_token)
        return cls(tokenizer, length, _unknown_id(tokenizer, model))

    def encode(
        self, texts: Sequence[Text], place: Callable[[int], str]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint8]]:
        """Ids, mask and types, each (texts, length); `place` tells where a text stands."""
        encodings = self._encoded(texts, place)
        longest = max((len(each) for each in encodings), default=0)
        if longest > self.length:
            raise NotADataset(
                f"{WHERE} makes {longest} tokens of a text that it was told to cut at "
                f"{self.length}; its post_processor must take each text once"
            )
        try:
            ids = np.array([each.ids for each in encodings], np.int32)
            types = np.array([each.type_ids for each in encodings], np.uint8)
        except OverflowError as error:
            raise NotADataset(
                f"{WHERE} gives ids over {np.iinfo(np.int32).max}, or types over 255, which no "
                "model has; upload the one that the model was trained with"
            ) from error
        mask = np.array([each.attention_mask for each in encodings], np.uint8)
        own = np.array([each.special_tokens_mask for each in encodings], np.uint8) == 0
        self.texts += len(texts)
        self.cut += sum(1 for each in encodings if each.overflowing)
        self.tokens += int(own.sum())
        if self.unknown_id is not None:
            self.unknown += int((ids[own] == self.unknown_id).sum())
        return ids, mask, types

    def findings(self) -> list[Finding]:
        """What to know of the texts that passed; raises NotADataset for a tokenizer that knows
        less than half of what it read."""
        found = []
        if self.tokens and self.unknown / self.tokens > MOST_UNKNOWN:
            raise NotADataset(
                f"the tokenizer does not fit: {self.unknown} of {self.tokens} tokens of these "
                "texts are not in its vocabulary; upload the one that the model was trained "
                "with"
            )
        if self.cut:
            found.append(
                Finding(
                    code="texts_cut",
                    severity="info",
                    message=f"{self.cut} of {self.texts} texts are longer than {self.length} "
                    "tokens and were cut; layout.texts.length sets another length",
                )
            )
        if self.unknown:
            found.append(
                Finding(
                    code="unknown_tokens",
                    severity="warning",
                    message=f"{self.unknown} of {self.tokens} tokens are not in the "
                    "tokenizer's vocabulary",
                )
            )
        return found

    def _encoded(
        self, texts: Sequence[Text], place: Callable[[int], str]
    ) -> Sequence[Encoding]:
        try:
            return self.tokenizer.encode_batch(list(texts))
        except BaseException as error:
            if not _of_the_library(error):
                raise
            row = next((row for row, text in enumerate(texts) if not self._reads(text)), 0)
            raise NotADataset(
                f"the tokenizer does not fit: it cannot read the text at {place(row)} "
                f"({error}); upload the one that the model was trained with"
            ) from error

    def _reads(self, text: Text) -> bool:
        try:
            self.tokenizer.encode_batch([text])
        except BaseException as error:
            if not _of_the_library(error):
                raise
            return False
        return True


def _loaded(place: Place) -> tuple[Tokenizer, dict[str, Any]]:
    if place.size_bytes > MOST_BYTES:
        raise NotADataset(f"{WHERE} has {place.size_bytes} bytes; {MOST_BYTES} are allowed")
    with window(place) as file:
        data = file.read()
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotADataset(f"{WHERE} is not JSON ({error}); upload it again") from error
    model = parsed.get("model") if isinstance(parsed, dict) else None
    if not isinstance(model, dict) or not model.get("vocab"):
        raise NotADataset(
            f"{WHERE} has no vocabulary; upload the file that the tokenizers library saves, "
            "not tokenizer_config.json"
        )
    if _repeats(parsed.get("post_processor")):
        raise NotADataset(f"the post_processor of {WHERE} takes a text twice; once is enough")
    try:
        return Tokenizer.from_buffer(data), model
    except BaseException as error:
        if not _of_the_library(error):
            raise
        raise NotADataset(
            f"{WHERE} cannot be used ({error}); save it with a current release of tokenizers"
        ) from error


def _repeats(processor: object) -> bool:
    """Whether a template has one text twice: texts are cut before, not behind it."""
    match processor:
        case {"processors": list(inner)}:
            return any(_repeats(each) for each in inner)
        case {"single": list(single), "pair": list(pair)}:
            taken = [[_text_of(part) for part in parts] for parts in (single, pair)]
            return any(ids.count("A") > 1 or ids.count("B") > 1 for ids in taken)
    return False


def _text_of(part: object) -> object:
    match part:
        case {"Sequence": {"id": text}}:
            return text
    return None


def _of_the_library(error: BaseException) -> bool:
    """The library raises nothing narrower than Exception, and its panics are not even that."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _pad_id(tokenizer: Tokenizer, layout: TextLayout) -> int:
    if layout.pad_id is not None:
        if layout.pad_id >= tokenizer.get_vocab_size():
            raise InvalidSpec(
                f"the tokenizer has {tokenizer.get_vocab_size()} tokens and none with the id "
                f"{layout.pad_id}; choose one of its own",
                param="layout.texts.pad_id",
            )
        return layout.pad_id
    own = (tokenizer.padding or {}).get("pad_id")
    if own is not None:
        return int(own)
    named = (tokenizer.token_to_id(token) for token in PADS)
    return next((number for number in named if number is not None), 0)


def _unknown_id(tokenizer: Tokenizer, model: dict[str, Any]) -> int | None:
    token, number = model.get("unk_token"), model.get("unk_id")
    if isinstance(token, str):
        found: int | None = tokenizer.token_to_id(token)
        return found
    return number if isinstance(number, int) else None
