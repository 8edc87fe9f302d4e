"""What is said of an upload in its address: layout and transforms, as JSON."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["lathe.layout", "lathe.facts", "lathe.spec"]):
    from lathe.facts import Transform
    from lathe.layout import Layout
    from lathe.spec import PlainText

from pydantic import TypeAdapter, ValidationError

from tests.fuzz import json_edits
from tests.fuzz.target import Target

_TRANSFORMS = TypeAdapter(dict[PlainText, Transform])
_LAYOUTS = [
    Layout().model_dump_json(),
    '{"split":"all","holdout":0.2,"header":true,"inputs":{"x":["a","b"],"y":"c"},"label":"z",'
    '"group":"g","ignore":["i"],"classes":["0","1"],"missing":"fill","fill":-1,'
    '"pictures":{"size":[224,224],"fit":"crop","channels":3},"texts":{"columns":["q","r"],'
    '"pair":"joined","length":64,"pad_id":0,"mask":null}}',
]
_SAID = ['{"image":{"scale":0.0039,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}}']


def _one(data: bytes) -> None:
    if data[:1] < b"\x80":
        layout = Layout.model_validate_json(json_edits.text(_LAYOUTS, data[1:]))
        assert Layout.model_validate_json(layout.model_dump_json()) == layout
    else:
        _TRANSFORMS.validate_json(json_edits.text(_SAID, data[1:]))


def _seeds() -> Iterator[bytes]:
    for mode, documents in ((b"\0", _LAYOUTS), (b"\x80", _SAID)):
        for seed in json_edits.seeds(documents):
            yield mode + seed


TARGET = Target("layout and transforms", _one, _seeds, refusals=(ValidationError,), longest=512)
