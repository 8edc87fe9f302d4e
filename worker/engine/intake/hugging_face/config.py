"""What a config.json may ask for, before transformers makes a network of it.

transformers would import code that the folder names (auto_map), load attention kernels by a
name, and build as many modules as a number says. So only types of models that were tried go
through, switches of the library itself are dropped, and counts of modules are held against the
tensors that the folder really has.
"""

from collections.abc import Mapping
from typing import Any

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.intake.hugging_face.weights import Stored

# each was exported with random weights and answered as in torch; one more needs the same trial
TEXT = {
    "albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "gpt2", "modernbert",
    "mpnet", "roberta", "xlm-roberta",
}  # fmt: skip
IMAGES = {"beit", "convnext", "deit", "dinov2", "resnet", "swin", "vit"}
EXPORT = "export the model with torch.onnx.export(model, args, 'model.onnx', dynamo=True)"
REFUSED = {
    "auto_map": "names code of its own (auto_map), which is not run",
    "quantization_config": "is of a quantized model, and the float one is needed",
}
SWITCHES = {
    "attn_implementation", "experts_implementation", "fusion_config", "transformers_weights",
    "distributed_config", "dtype", "torch_dtype", "torchscript", "output_attentions",
    "output_hidden_states", "return_dict", "use_return_dict", "use_cache", "use_bfloat16",
}  # fmt: skip
MODULES = {
    "num_hidden_layers", "n_layers", "n_layer", "num_hidden_groups", "inner_group_num",
    "depths", "num_stages", "num_encoder_blocks",
}  # fmt: skip
LABELS = "num_labels"


def checked_config(config: dict[str, Any], held: Mapping[str, Stored]) -> dict[str, Any]:
    """The config without the library's own switches; `held` are the folder's tensors.

    Raises UnsupportedModel for a type or a wish that Lathe does not take, CorruptModel for
    counts that the tensors cannot fill.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in TEXT | IMAGES:
        raise UnsupportedModel(
            f"config.json says model_type {str(kind)[:100]!r}, which Lathe does not build; it "
            f"builds {', '.join(sorted(TEXT | IMAGES))}. For another, {EXPORT}"
        )
    for key, why in REFUSED.items():
        if config.get(key):
            raise UnsupportedModel(f"config.json {why}; {EXPORT}")
    if config.get("is_encoder_decoder") or config.get("add_cross_attention"):
        raise UnsupportedModel(
            f"config.json describes a decoder that reads an encoder's answers; {EXPORT} of "
            "each half"
        )
    _check_counts(config, held)
    return {
        key: value
        for key, value in config.items()
        if key not in SWITCHES and not key.startswith("_")
    }


def without_head(config: dict[str, Any]) -> dict[str, Any]:
    """The config of the bare network, whose states are pooled. Raises UnsupportedModel for one
    that reads no texts."""
    if config["model_type"] not in TEXT:
        raise UnsupportedModel(
            f"modules.json pools the tokens of a {config['model_type']!r}, which reads no "
            f"texts; {EXPORT}"
        )
    return {key: value for key, value in config.items() if key != "architectures"}


def _check_counts(config: Mapping[str, Any], held: Mapping[str, Stored]) -> None:
    longest = max((n for one in held.values() for n in one.shape), default=0)
    for key in sorted(MODULES | {LABELS}):
        said = config.get(key)
        most = longest if key == LABELS else len(held)
        for count in said if isinstance(said, list) else [said]:
            if isinstance(count, int) and count > most:
                raise CorruptModel(
                    f"config.json says {key} {said}, and the safetensors hold {len(held)} "
                    f"tensors, the longest of {longest}; upload the two files of one model"
                )
