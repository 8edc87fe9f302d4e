"""onnx's own operator suite: what has a view computes what onnxruntime computes."""

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from worker.engine.session import open_session, run
from worker.engine.view import TorchView, blocking_operators, torch_view

pytestmark = pytest.mark.services

OTHER_PRECISION = ("fp16", "float16", "bf16", "bfloat16", "softmax_precision")
EMPTY = "empty_set"  # a reduction over nothing


@dataclass
class Case:
    name: str
    model: onnx.ModelProto
    inputs: dict[str, Any]


def cases() -> list[Case]:
    """One graph a case; all inputs but the first become constants, as sizes and weights are."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suite overflows on purpose
        suite = collect_testcases(None)
    for case in suite:
        arrays = case.data_sets[0][0] if case.data_sets else []
        tensors = all(isinstance(a, np.ndarray | np.generic) for a in arrays)
        if case.model is None or not arrays or not tensors or EMPTY in case.name:
            continue
        if any(kind in case.name for kind in OTHER_PRECISION):
            continue
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        names = [value.name for value in model.graph.input]
        pairs = dict(zip(names, map(np.asarray, arrays), strict=False))
        if any(a.dtype.kind not in "fiub" for a in pairs.values()):
            continue
        for name, array in list(pairs.items())[1:]:
            model.graph.initializer.append(numpy_helper.from_array(array, name))
        del model.graph.input[1:]
        found.append(Case(case.name, model, {names[0]: pairs[names[0]]}))
    return found


def reference(case: Case) -> dict[str, Any] | None:
    """What onnxruntime computes; None where it does not know the operator."""
    try:
        return dict(run(open_session(case.model), case.inputs))
    except Exception:  # noqa: BLE001 - onnxruntime has no one class for its refusals
        return None


def elsewhere(view: TorchView, inputs: dict[str, Any]) -> bool:
    """Whether the view runs on a device that knows shapes alone, without any other."""
    view.module.to("meta")
    tensors = {name: torch.from_numpy(a.copy()).to("meta") for name, a in inputs.items()}
    try:
        outputs = view.forward(tensors).values()
    except RuntimeError:
        return False
    return {y.device.type for y in outputs} == {"meta"}


def test_every_operator_that_has_a_view_agrees_with_onnxruntime() -> None:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for case in cases():
        expected = reference(case)
        if expected is None:
            counts["unknown to onnxruntime"] += 1
        elif blocking_operators(case.model):
            counts["no view"] += 1
        else:
            view = torch_view(case.model)
            found = view.outputs(case.inputs)
            if not elsewhere(view, case.inputs):
                wrong.append(f"{case.name}: makes a tensor on a device of its own choice")
            counts["compared"] += 1
            wrong += [
                f"{case.name}: {name}"
                for name, y in expected.items()
                if y.shape != found[name].shape
                or not np.allclose(y, found[name], rtol=1e-4, atol=1e-5, equal_nan=True)
            ]
    assert wrong == []
    assert counts["compared"] > 980, counts
