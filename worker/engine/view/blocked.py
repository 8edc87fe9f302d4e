"""Why one node has no form in torch."""


class Blocked(Exception):  # noqa: N818 - a finding about a model, not an error of ours
    """Raised by a form; `why` completes the operator's name, as in `LSTM(peepholes)`."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why
