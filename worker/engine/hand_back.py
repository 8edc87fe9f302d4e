"""From a changed torch view back to ONNX, with the proof that both compute the same."""

import onnx

from lathe.errors import EffectLost
from worker.engine.gate import distance
from worker.engine.graph.io_spec import io_spec
from worker.engine.probe import random_inputs
from worker.engine.session import open_session, run
from worker.engine.view import TorchView, write_back

BATCHES = (1, 3)  # one that runtimes like to bake in, and one that they would not guess


def hand_back(view: TorchView, model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """A new model: `model` with the tensors of `view`, in eval mode on the CPU.

    Raises EffectLost unless onnxruntime loads it, finds the inputs and outputs of `model`,
    and computes on random inputs what the view computes, within the fidelity gate.
    """
    result = write_back(view, model)
    if io_spec(result) != io_spec(model):
        raise EffectLost(
            "writing the changed weights back changed the model's inputs or outputs"
        )
    session = open_session(result)
    for batch in BATCHES:
        inputs = random_inputs(result, batch, seed)
        far = distance(view.outputs(inputs), run(session, inputs))
        if not far <= 1.0:
            raise EffectLost(
                f"written back, the model's outputs at batch {batch} are {far:.3g} times as "
                "far from the changed ones as rounding explains"
            )
    return result
