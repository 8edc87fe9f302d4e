"""What fuzzers make of an input: right documents with wrong places, always something."""

import io
import json
import random
import zipfile

from tests.fuzz import form_edits, json_edits
from tests.fuzz.message_edits import edited
from tests.fuzz.models import NAMES, models
from tests.fuzz.script import Script
from tests.fuzz.zip_files import plain, zipped

DOCUMENT = '{"a": [1, {"b": "c"}], "d": null}'


def test_a_script_goes_on_as_zeros() -> None:
    script = Script(b"\x07\x02ab")
    assert (script.byte(), script.piece(), script.byte(), script.number(2)) == (7, b"ab", 0, 0)
    assert script.left <= 0


def test_a_large_choice_takes_two_bytes() -> None:
    assert Script(b"\x01\x02").below(1000) == 0x0201
    assert Script(b"\x01\x02").below(256) == 1


def test_a_document_without_changes_is_the_document() -> None:
    assert json.loads(json_edits.text([DOCUMENT], b"\x20\x00")) == json.loads(DOCUMENT)
    assert json_edits.text([DOCUMENT], b"\x00{") == b"{"


def test_changed_documents_are_documents_and_most_are_others() -> None:
    draw = random.Random(3)
    made = [
        json_edits.text([DOCUMENT], b"\x20" + draw.randbytes(draw.randrange(2, 30)))
        for _ in range(300)
    ]
    others = [json.loads(each) != json.loads(DOCUMENT) for each in made]
    assert sum(others) > 250
    assert len(set(made)) > 200


def test_changed_forms_are_forms_and_most_are_others() -> None:
    form = {"a.#": "1", "a.0.b": "2", "a.1.b": "3", "do": "check"}
    assert form_edits.edited([form], Script(b"\x00")) == form
    draw, made = random.Random(3), []
    for _ in range(300):
        changed = form_edits.edited([form], Script(draw.randbytes(draw.randrange(3, 30))))
        assert all(len(f"{name}={value}".encode()) > 1 for name, value in changed.items())
        made.append(changed)
    assert sum(each != form for each in made) > 250
    assert len({each.get("do", "").partition(":")[0] for each in made}) >= 5
    assert form == {"a.#": "1", "a.0.b": "2", "a.1.b": "3", "do": "check"}


def test_a_zip_of_a_plain_script_is_one_that_can_be_read() -> None:
    script = Script(bytes([0, 0, 0, 0, 1, 1]))
    with zipfile.ZipFile(io.BytesIO(zipped(script, [b"x", b"y"], [b"", b"two"]))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "x": b"",
            "y": b"two",
        }
    with zipfile.ZipFile(io.BytesIO(plain(b"a", b"one"))) as archive:
        assert archive.read("a") == b"one"


def test_changed_models_are_messages_and_most_are_others() -> None:
    draw, others = random.Random(3), 0
    for number in range(200):
        model = models()[number % 5]
        before = model.SerializeToString()
        edited(model, Script(draw.randbytes(20)), NAMES)
        others += model.SerializeToString() != before
    assert others > 150
