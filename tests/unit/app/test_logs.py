"""One JSON object a line, whoever wrote it."""

import json
import logging

import pytest
import structlog

from app.logs import configure, log


@pytest.fixture(autouse=True)
def _as_it_was() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.getLogger("uvicorn.access").disabled = False
    structlog.reset_defaults()


def test_our_lines_and_a_librarys_are_json_with_the_request_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(log_format="json", level="info")
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        log("app.test").info("answered", status=204)
        logging.getLogger("library").warning("it is %s", "late")
        log("app.test").debug("unseen")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["answered", "it is late"]
    assert [line["level"] for line in lines] == ["info", "warning"]
    assert [line["request_id"] for line in lines] == ["r-1", "r-1"]
    assert lines[0]["status"] == 204


def test_an_exception_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_format="json", level="info")
    logging.getLogger("uvicorn.error").error("failed", exc_info=ValueError("no"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError" in json.dumps(json.loads(line)["exception"])


def test_an_exception_s_line_holds_no_values_of_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(key: str) -> None:
        raise ValueError("no")

    configure(log_format="json", level="info")
    try:
        fail("lt_secret")
    except ValueError:
        log("app.test").exception("failed")
        logging.getLogger("uvicorn.error").exception("failed")
    said = capsys.readouterr().err
    assert said.count("ValueError") >= 2
    assert "test_logs" in said
    assert "lt_secret" not in said
