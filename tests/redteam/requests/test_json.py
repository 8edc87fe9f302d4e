"""Bodies that are JSON by the letter, and that no honest client sends."""

import json
import signal
import sys
from abc import ABC, abstractmethod
from typing import Any

import pytest
from pydantic import ConfigDict, ValidationError

from app.http import strict
from app.http.strict import parsed
from app.settings import Settings
from lathe.job import JobSpec
from lathe.techniques.prune.channels import PruneChannels
from tests.redteam.conftest import Without
from tests.redteam.door import Door, problem
from tests.redteam.throwaway import outcome

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

    def test_our_reader_runs_out_of_stack_without_the_guard(self) -> None:
        assert outcome(_boundless, self.sent) == -signal.SIGSEGV


def _boundless(text: bytes) -> None:
    """Read it as the service does, where Python bounds no depth."""
    sys.setrecursionlimit(1 << 30)
    parsed(text)


class TestLongJson(_Body):
    """A spec of two megabytes"""

    seen = "413, `too_large`"
    guard = "`LATHE_MAX_JSON_BYTES`"
    status, code = 413, "too_large"

    @property
    def sent(self) -> bytes:
        return json.dumps({"name": "a" * (2 << 20)}).encode()

    def test_all_of_it_is_held_without_the_guard(self, without: Without) -> None:
        assert len(self.sent) > Settings().max_json_bytes
        with without(max_json_bytes=1 << 30) as bare:
            answer = bare.http.post("/v1/jobs", content=self.sent, headers=JSON)
        assert answer.status_code == 422  # all of it was read, and is no spec
        assert {each["param"] for each in answer.json()["errors"]} >= {"name", "model"}


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
        class Boundless(JobSpec):
            labels: dict[str, str]

        assert len(Boundless.model_validate_json(self.sent).labels) == 50_000


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

    def test_its_bounds_alone_refuse_it_too(self) -> None:
        class Infinite(PruneChannels):
            model_config = ConfigDict(allow_inf_nan=True)

        with pytest.raises(ValidationError, match="less than 1"):
            Infinite.model_validate(parsed(self.sent)["pipeline"][0])

    def test_it_passes_a_check_of_its_bounds_without_the_guard(self) -> None:
        class Boundless(PruneChannels):
            model_config = ConfigDict(allow_inf_nan=True)
            keep_macs: float | None = None

        share = Boundless.model_validate(parsed(self.sent)["pipeline"][0]).keep_macs
        assert share is not None
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

    def test_two_readers_see_two_models_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strict, "_object", dict)
        answer = breached.http.post("/v1/jobs", content=self.sent, headers=JSON)
        problem(answer, 422, "invalid_spec", "pipeline")  # one of the two was taken
        last = parsed(self.sent)["model"]
        first = dict(reversed(json.loads(self.sent, object_pairs_hook=list)))["model"]
        assert (first[-1], last[-1]) == ("0", "1")


class TestLoneSurrogate(_Body):
    """A name that is no text: half of a pair, which no database and no file takes"""

    seen = "400, `malformed`"
    guard = "every character of a body is whole, and texts of a spec are Unicode"
    instead = (
        "our reader of JSON without that look, and Python's encoder: pydantic, which would "
        "refuse it then, cannot be told to take it"
    )

    @property
    def sent(self) -> bytes:
        return b'{"model": "mdl_%s", "pipeline": [], "name": "\\ud800"}' % (b"0" * 26)

    def test_the_spec_alone_refuses_it_too(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strict, "_check_whole", lambda *_: None)
        answer = breached.http.post("/v1/jobs", content=self.sent, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_spec")
        assert "name" in {each["param"] for each in answer.json()["errors"]}

    def test_it_breaks_whoever_writes_it_without_the_guard(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strict, "_check_whole", lambda *_: None)
        with pytest.raises(UnicodeEncodeError):
            parsed(self.sent)["name"].encode()
