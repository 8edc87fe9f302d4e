"""NNCF after training: nncf_ptq cnn|transformer|int4 MODEL EXAMPLES TARGET.

`cnn` and `transformer` put int8 around weights and activations, by NNCF's advice for each;
`int4` stores the weights of every matrix in 4 bits, blocks of 128, by its default method.
"""

import sys

import nncf
import numpy as np
import onnx

BLOCK = 128


def main(form: str, model: str, examples: str, target: str) -> None:
    """Quantize one file."""
    net = onnx.load(model)
    if form == "int4":
        mode = nncf.CompressWeightsMode.INT4_ASYM
        made = nncf.compress_weights(net, mode=mode, group_size=BLOCK, all_layers=True)
    else:
        arrays = dict(np.load(examples))
        count = len(next(iter(arrays.values())))
        rows = [
            {name: array[n : n + 1] for name, array in arrays.items()} for n in range(count)
        ]
        made = nncf.quantize(
            net,
            nncf.Dataset(rows),
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER if form == "transformer" else None,
            subset_size=count,
        )
    onnx.save(made, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
