import os
from collections.abc import Iterator

import pytest

from lathe.views import Progress
from worker import lines
from worker.lines import Garbled, Lines, message
from worker.wire import Progressed, Said, StepStarted


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def line(sent: Said | StepStarted | Progressed) -> bytes:
    return sent.model_dump_json().encode() + b"\n"


def test_a_line_that_comes_in_pieces_is_one_message(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    heard = Lines(reading)
    whole = line(StepStarted(step="a")) + line(StepStarted(step="b"))
    os.write(writing, whole[:9])
    first = heard.read()
    os.write(writing, whole[9:-3])
    second = heard.read()
    os.write(writing, whole[-3:])
    third = heard.read()
    assert [m.step for m in first + second + third if isinstance(m, StepStarted)] == ["a", "b"]
    assert first == []
    assert heard.read() == []
    assert not heard.closed
    os.close(writing)
    assert heard.read() == []
    assert heard.closed


def test_half_a_line_of_a_dead_child_is_dropped(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    heard = Lines(reading)
    os.write(writing, line(Said(text="one")) + b'{"kind": "said", "te')
    os.close(writing)
    assert heard.read() == [Said(text="one")]
    assert heard.read() == []
    assert heard.closed


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = pipe
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    heard = Lines(reading)
    os.write(writing, b"x" * 1001)
    os.close(writing)
    with pytest.raises(Garbled, match="more than 1000 bytes"):
        heard.read()


def test_a_message_survives_the_wire() -> None:
    sent = Progressed(progress=Progress(step="a", fraction=0.375, unit="epoch", eta_s=2.5))
    assert message(line(sent)) == sent


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"kind": "shell", "command": "ls"}', "wrong at"),
        (b'{"kind": "step_started"}', "step_started.step"),
        (b'{"kind": "progressed", "progress": {"fraction": 1.5}}', "fraction"),
        (b'{"kind": "progressed", "progress": {"fraction": NaN}}', "NaN is no number"),
        (b'{"kind": "progressed", "progress": {"fraction": 0, "eta_s": 1e999}}', "too large"),
        (b'{"kind": "said", "text": "a\\u0000b"}', "NUL"),
        (b"\xff\xfe", "no JSON"),
        (b'{"kind": "said", "text": "\xed\xa0\x80"}', "no JSON"),
        (b'{"kind": "said", "text": "a\\ud800"}', "half a character"),
        (
            b'{"kind": "progressed", "progress": {"fraction": 0, "total": 1%s}}' % (b"0" * 30),
            "too large",
        ),
        (b'{"kind": "step_started", "step": "%s"}' % (b"x" * 9000), "more than 8192 bytes"),
        (
            b'{"kind": "said", "text": "a", "more": [%s]}' % (b"[]," * 1_000_001),
            "more than 2000000 values",
        ),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Garbled, match=why):
        message(data)


def test_an_escape_that_is_escaped_is_no_half_character() -> None:
    assert message(line(Said(text=r"a\ud800 in words"))) == Said(text=r"a\ud800 in words")


def test_who_says_too_much_at_once_is_left_alone_for_as_long_as_it_was_too_much(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    now_s = [50.0]
    heard = Lines(reading, clock=lambda: now_s[0])
    said = line(Said(text="a")) * 500  # less than a pipe holds
    for _ in range(4):
        os.write(writing, said)
        heard.read()
    assert heard.rest_s == 0.0  # 2,000 within a second are a burst
    os.write(writing, said)
    heard.read()
    assert heard.rest_s == pytest.approx(0.25)
    now_s[0] = 50.2
    assert heard.rest_s == pytest.approx(0.05)
    now_s[0] = 60.0
    assert heard.rest_s == 0.0
    os.write(writing, said)
    heard.read()
    assert heard.rest_s == 0.0  # what was not said before is no credit beyond the burst
