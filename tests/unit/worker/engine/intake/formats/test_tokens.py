import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from lathe.errors import InvalidSpec, NotADataset
from tests.unit.worker.engine.intake.formats.conftest import Intake, zipped
from worker.engine.intake.formats.table import content
from worker.engine.intake.formats.table.tokens import Tokens

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "good", "bad", "film", "very"]
REVIEWS = b"text,label\nvery good film,1\nbad,0\nvery very very bad film,0\n"
PAIRS = b"one,two,score\ngood film,very good,4.5\nbad,good,0\n"


def tokenizer(*, unknown: bool = True) -> bytes:
    """One token a word, between [CLS] and [SEP]."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    made = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]" if unknown else None))  # type: ignore[call-arg]
    made.pre_tokenizer = Whitespace()  # type: ignore[assignment]
    made.post_processor = TemplateProcessing(  # type: ignore[assignment]
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return str(made.to_str()).encode()


def test_texts_are_cut_and_padded_to_the_length_that_is_said(intake: Intake) -> None:
    data = zipped({"set/data.csv": REVIEWS, "set/tokenizer.json": tokenizer()})
    facts, arrays = intake(data, {"texts": {"length": 6}})
    assert arrays["train/input_ids"].tolist() == [
        [1, 7, 4, 6, 2, 0],
        [1, 5, 2, 0, 0, 0],
        [1, 7, 7, 7, 5, 2],
    ]
    assert arrays["train/attention_mask"].tolist() == [
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1],
    ]
    assert not arrays["train/token_type_ids"].any()
    assert arrays["train/label"].tolist() == [1, 0, 0]
    assert [f.code for f in facts.findings] == ["texts_cut"]
    assert facts.findings[0].message.startswith("1 of 3 texts are longer than 6 tokens")
    assert facts.summary is not None
    assert facts.summary.splits[0].samples[1].texts == ("bad",)


def test_without_a_length_it_is_the_tokenizers_own_or_128(intake: Intake) -> None:
    _, arrays = intake(zipped({"train.csv": REVIEWS, "tokenizer.json": tokenizer()}))
    assert arrays["train/input_ids"].shape == (3, 128)
    said = json.loads(tokenizer())
    said["truncation"] = {
        "direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip
    members = {"train.csv": REVIEWS, "tokenizer.json": json.dumps(said).encode()}
    _, arrays = intake(zipped(members))
    assert arrays["train/input_ids"].shape == (3, 5)


def test_a_tokenizer_that_would_pad_to_gigabytes_is_refused(intake: Intake) -> None:
    said = json.loads(tokenizer())
    said["truncation"] = {
        "direction": "Right", "max_length": 2627509276, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip
    members = {"train.csv": REVIEWS, "tokenizer.json": json.dumps(said).encode()}
    with pytest.raises(InvalidSpec, match="cuts at 2627509276") as refusal:
        intake(zipped(members))
    assert refusal.value.param == "layout.texts.length"
    _, arrays = intake(zipped(members), {"texts": {"length": 6}})
    assert arrays["train/input_ids"].shape == (3, 6)


def test_rows_that_unfold_are_made_a_few_at_a_time(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"train.csv": REVIEWS, "tokenizer.json": tokenizer()}
    facts, whole = intake(zipped(members), {"texts": {"length": 6}})
    at_once = list[int]()
    encode = Tokens.encode

    def counted(self: Tokens, texts: Sequence[Any], place: Callable[[int], str]) -> Any:
        at_once.append(len(texts))
        return encode(self, texts, place)

    monkeypatch.setattr(Tokens, "encode", counted)
    monkeypatch.setattr(content, "MADE_BYTES", 100)  # a row: 6 x (4 + 1 + 1) + 8
    parts_facts, parts = intake(zipped(members), {"texts": {"length": 6}})
    assert at_once == [2, 1]
    assert parts_facts == facts
    assert all((parts[name] == whole[name]).all() for name in whole)


@pytest.mark.parametrize("nested", [False, True])
def test_a_template_that_takes_a_text_twice_is_refused(nested: bool, intake: Intake) -> None:
    said = json.loads(tokenizer())
    template = said["post_processor"]
    template["single"] = [template["single"][1]] * 2
    if nested:
        said["post_processor"] = {"type": "Sequence", "processors": [template]}
    members = {"train.csv": REVIEWS, "tokenizer.json": json.dumps(said).encode()}
    with pytest.raises(NotADataset, match="takes a text twice"):
        intake(zipped(members))


@pytest.mark.parametrize("wrong", ["id", "type"])
def test_ids_and_types_that_no_model_has_are_refused(wrong: str, intake: Intake) -> None:
    said = json.loads(tokenizer())
    if wrong == "id":
        said["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [2**31]
    else:
        said["post_processor"]["single"][0]["SpecialToken"]["type_id"] = 256
    members = {"train.csv": REVIEWS, "tokenizer.json": json.dumps(said).encode()}
    with pytest.raises(NotADataset, match="ids over 2147483647, or types over 255"):
        intake(zipped(members))


def test_two_columns_of_texts_are_two_sides_or_one_joined_text(intake: Intake) -> None:
    data = zipped({"test.csv": PAIRS, "tokenizer.json": tokenizer()})
    _, arrays = intake(data, {"texts": {"length": 4, "types": None, "mask": "m"}})
    assert {name: a[0].tolist() for name, a in arrays.items()} == {
        "test/a/input_ids": [1, 4, 6, 2],
        "test/a/m": [1, 1, 1, 1],
        "test/b/input_ids": [1, 7, 4, 2],
        "test/b/m": [1, 1, 1, 1],
        "test/label": 4.5,
    }
    _, arrays = intake(data, {"texts": {"length": 8, "pair": "joined"}})
    assert arrays["test/input_ids"][1].tolist() == [1, 5, 2, 4, 2, 0, 0, 0]
    assert arrays["test/token_type_ids"][1].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


def test_other_columns_stay_out_and_padding_can_be_another_token(intake: Intake) -> None:
    table = b"id,text\n17,bad\n"
    data = zipped({"train.csv": table, "tokenizer.json": tokenizer()})
    facts, arrays = intake(data, {"texts": {"length": 5, "pad_id": 6}})
    assert arrays["train/input_ids"].tolist() == [[1, 5, 2, 6, 6]]
    assert set(arrays) == {
        "train/input_ids", "train/attention_mask", "train/token_type_ids",
    }  # fmt: skip
    assert facts.findings[0].message == "not used: 'id'"


def test_a_few_unknown_words_are_told(intake: Intake) -> None:
    table = b"text\nvery good comedy\n"
    facts, _ = intake(zipped({"train.csv": table, "tokenizer.json": tokenizer()}))
    assert facts.findings[0].code == "unknown_tokens"
    assert facts.findings[0].message.startswith("1 of 3 tokens")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"tokenizer.json": b"{"}, "is not JSON"),
        ({"tokenizer.json": b"[]"}, "has no vocabulary"),
        ({"tokenizer.json": b'{"do_lower_case": true}'}, "has no vocabulary"),
        ({"tokenizer.json": b'{"model": {"vocab": {"a": 0}}}'}, "cannot be used"),
        ({"tokenizer.json": b'{"model": {"type": "WordLevel", "vocab": {}}}'}, "no vocabul"),
        (
            {"tokenizer.json": tokenizer(), "train.csv": b"text\nbon film\ntr\xc3\xa8s mal\n"},
            "does not fit: 3 of 4 tokens",
        ),
        (
            {
                "tokenizer.json": tokenizer(unknown=False),
                "train.csv": b"text\nbad\ngood joke\n",
            },
            "cannot read the text at train.csv, line 3",
        ),
        (
            {"tokenizer.json": tokenizer(), "train.csv": b"a,b,c\nbad,good,film\n"},
            "a, b, c hold texts; say which",
        ),
        ({"tokenizer.json": tokenizer(), "train.csv": b"a\n1\n"}, "no column of texts"),
        ({"tokenizer.json": tokenizer(), "b/tokenizer.json": b"{}"}, "keep one tokenizer"),
        ({"tokenizer.json": tokenizer(), "train.csv": b'text\nbad\n""\n'}, "'text' has 1 miss"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_tokenizer_that_does_not_fit_is_refused(
    files: dict[str, bytes], said: str, intake: Intake
) -> None:
    with pytest.raises(NotADataset, match=said):
        intake(zipped({"train.csv": REVIEWS} | files))


@pytest.mark.parametrize(
    ("texts", "param"), [({"length": 2}, "length"), ({"pad_id": 8}, "pad_id")]
)
def test_a_length_or_a_padding_that_cannot_be_is_an_invalid_spec(
    texts: dict[str, Any], param: str, intake: Intake
) -> None:
    with pytest.raises(InvalidSpec) as refusal:
        intake(zipped({"train.csv": REVIEWS, "tokenizer.json": tokenizer()}), {"texts": texts})
    assert refusal.value.param == f"layout.texts.{param}"
