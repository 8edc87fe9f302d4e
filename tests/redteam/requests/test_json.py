"""Bodies that are JSON by the letter, and that no honest client sends."""

import json
import sys
from abc import ABC, abstractmethod
from typing import Any

import pytest

from app.http.strict import parsed
from app.settings import Settings
from lathe.job import JobSpec
from tests.redteam.door import Door, problem

STEP = {"technique": "quantize.dynamic"}
JSON = {"Content-Type": "application/json"}


class _Body(ABC):
    """A body for POST /v1/jobs, and the problem that answers it."""

    status, code = 400, "malformed"
    param: str | None = None
    guard: str

    @property
    @abstractmethod
    def sent(self) -> bytes:
        """All of it."""

    def test_it_is_refused_by_name(self, door: Door) -> None:
        answer = door.http.post("/v1/jobs", content=self.sent, headers=JSON)
        problem(answer, self.status, self.code, self.param)


class TestDeepJson(_Body):
    """A hundred thousand brackets, each inside the one before"""

    seen = "400, `malformed`"
    guard = "the parser's depth is bounded, and its refusal is an answer"

    @property
    def sent(self) -> bytes:
        return b"[" * 100_000

    def test_a_reader_that_recurses_runs_out_of_stack_without_the_guard(self) -> None:
        def value(text: bytes, at: int) -> int:
            return value(text, at + 1) if text[at : at + 1] == b"[" else at

        with pytest.raises(RecursionError):
            value(self.sent, 0)


class TestLongJson(_Body):
    """A spec of two megabytes"""

    seen = "413, `too_large`"
    guard = "`LATHE_MAX_JSON_BYTES`"
    status, code = 413, "too_large"

    @property
    def sent(self) -> bytes:
        return json.dumps({"name": "a" * (2 << 20)}).encode()

    def test_all_of_it_is_held_without_the_guard(self) -> None:
        assert len(self.sent) > Settings().max_json_bytes
        assert len(parsed(self.sent)["name"]) == 2 << 20


class TestManyKeys(_Body):
    """Fifty thousand labels"""

    seen = "422, `invalid_spec` about `labels`"
    guard = "every list and object of a spec has a most"
    status, code, param = 422, "invalid_spec", "labels"

    @property
    def spec(self) -> dict[str, Any]:
        labels = {f"k{number}": "v" for number in range(50_000)}
        return {"model": "mdl_" + "0" * 26, "pipeline": [STEP], "labels": labels}

    @property
    def sent(self) -> bytes:
        return json.dumps(self.spec).encode()

    def test_all_of_them_would_be_stored_without_the_guard(self) -> None:
        kept = JobSpec.model_construct(**self.spec)
        assert len(kept.labels) == 50_000


class TestHugeNumber(_Body):
    """A seed of a million digits, which costs its square to read"""

    seen = "400, `malformed`"
    guard = "Python's limit on the digits of a number (`sys.set_int_max_str_digits`)"

    @property
    def sent(self) -> bytes:
        return b'{"seed": %s}' % (b"9" * 1_000_000)

    def test_it_is_read_without_the_guard(self) -> None:
        digits = b"9" * 20_000
        with pytest.raises(ValueError, match="limit"):
            parsed(b'{"seed": %s}' % digits)
        before = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            assert parsed(b'{"seed": %s}' % digits)["seed"] > 1 << 60_000
        finally:
            sys.set_int_max_str_digits(before)


class TestNotANumber(_Body):
    """NaN where a share is asked for, which is smaller and larger than nothing"""

    seen = "422, `invalid_spec` about the field"
    guard = "numbers of a spec are finite"
    status, code = 422, "invalid_spec"
    param = "pipeline.0.keep_macs"

    @property
    def sent(self) -> bytes:
        step = {"technique": "prune.channels", "keep_macs": float("nan")}
        return json.dumps({"model": "mdl_" + "0" * 26, "pipeline": [step]}).encode()

    def test_it_passes_a_check_of_its_bounds_without_the_guard(self) -> None:
        share = parsed(self.sent)["pipeline"][0]["keep_macs"]
        assert not share <= 0
        assert not share > 1


class TestSameNameTwice(_Body):
    """A spec that names two models under one name: whoever checks it may see the other"""

    seen = "400, `malformed`"
    guard = "a name stands once in an object"

    @property
    def sent(self) -> bytes:
        first, last = (f'"model": "mdl_{digit * 26}"' for digit in "01")
        return f'{{{first}, {last}, "pipeline": []}}'.encode()

    def test_two_readers_see_two_models_without_the_guard(self) -> None:
        last = json.loads(self.sent)["model"]
        first = dict(reversed(json.loads(self.sent, object_pairs_hook=list)))["model"]
        assert (first[-1], last[-1]) == ("0", "1")


class TestLoneSurrogate(_Body):
    """A name that is no text: half of a pair, which no database and no file takes"""

    seen = "422, `invalid_spec` about `name`"
    guard = "texts of a spec are Unicode"
    status, code, param = 422, "invalid_spec", "name"

    @property
    def sent(self) -> bytes:
        return b'{"model": "mdl_%s", "pipeline": [], "name": "\\ud800"}' % (b"0" * 26)

    def test_it_breaks_whoever_writes_it_without_the_guard(self) -> None:
        with pytest.raises(UnicodeEncodeError):
            parsed(self.sent)["name"].encode()
