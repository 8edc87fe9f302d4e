"""A network of transformers with the folder's weights: only this module imports that library.

The library is given a config and tensors, never a path or a name, so that it opens no file, no
pickle and no adapter, and asks no hub. `build` is called in the child without network.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.intake.hugging_face.folder import SAVE
from worker.engine.intake.hugging_face.weights import Stored, tensors

HEADS = (
    modeling_auto.MODEL_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
)
MOST_SHARED = 2  # a matrix that two layers share is one tensor in the files


def build(config: dict[str, Any], held: Mapping[str, Stored]) -> Any:
    """The network in eval mode, in float32; `config` is a checked one.

    Raises CorruptModel where config and tensors are not of one model, UnsupportedModel for a
    class that is not built here, and whatever transformers raises for a config that it
    does not take.
    """
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    kind = _class(config)
    asked = CONFIG_MAPPING[config["model_type"]].from_dict(
        {**config, "use_cache": False}, attn_implementation="eager"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's, about its own calls
        with torch.device("meta"):  # shapes alone, whatever sizes the config asks for
            shapes = kind(asked)
        _check_elements(sum(p.numel() for p in shapes.parameters()), held)
        made, told = kind.from_pretrained(
            None,
            config=asked,
            state_dict=tensors(held),
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    _check_all_loaded(told)
    return made.eval()


def _class(config: Mapping[str, Any]) -> Any:
    """The class that the config names, of those with known outputs; the bare network where it
    names none."""
    names = [head[config["model_type"]] for head in HEADS if config["model_type"] in head]
    known = [name for name in names if isinstance(name, str)]
    asked = config.get("architectures") or known[:1]
    if not isinstance(asked, list) or len(asked) != 1 or asked[0] not in known:
        raise UnsupportedModel(
            f"config.json says architectures {str(asked)[:100]}; for this model_type Lathe "
            f"builds one of {', '.join(known)}"
        )
    return getattr(transformers, asked[0])


def _check_elements(needed: int, held: Mapping[str, Stored]) -> None:
    there = sum(one.elements for one in held.values())
    if needed > MOST_SHARED * there:
        raise CorruptModel(
            f"config.json describes a network of {needed} parameters, and the safetensors hold "
            f"{there}; upload the two files of one model"
        )


def _check_all_loaded(told: Mapping[str, Any]) -> None:
    wrong = sorted(name for name, *_ in told["mismatched_keys"])
    if wrong:
        raise CorruptModel(
            f"{len(wrong)} tensors have other shapes than config.json describes, such as "
            f"{wrong[0]!r}; upload the two files of one model"
        )
    missing = sorted(told["missing_keys"])
    if missing:
        raise CorruptModel(
            f"the safetensors lack {len(missing)} tensors of the network, such as "
            f"{missing[0]!r}; {SAVE}"
        )
