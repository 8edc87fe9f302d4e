"""Tables of text: a byte chooses what is said of the table, the rest is the table."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["worker.engine.intake.formats.table"]):
    from worker.engine.intake.formats.opened import _table
    from worker.engine.intake.formats.table.content import content_of_table

from lathe.errors import Refused
from lathe.layout import Layout
from tests.fuzz.drained import drain
from tests.fuzz.scratch import held
from tests.fuzz.target import Target
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.onnx_file.place import whole

_LAYOUTS = (
    Layout(),
    Layout(header=True, missing="drop"),
    Layout(header=False, missing="fill", fill=-1.5),
    Layout(holdout=0.5),
    Layout(missing="fill", fill=1e300, label="a", group="b"),
    Layout(ignore=("b",), inputs={"x": ("a", "c"), "y": "d"}),
    Layout(label="c", classes=("0", "1", "x")),
)
TABLES = (
    b"a,b,c,label\n1,2,3,0\n4,5,6,1\n-7,8.5,nan,1\n",
    b"a;b;c;d\n1;x;0.5;1e3\n2;y;?;-1\n",
    b"0\t1\t2\n3\t4\t5\n",
    b"1,2\n3,4\n9223372036854775807,0\n",
    b'"a","b ""q""","c\nd"\r\n1,2,"3"\r\n,,\r\n',
    b"\xef\xbb\xbfa,group,class\n1,g,x\n2,h,y\n3,g,x\n",
)


def _one(data: bytes) -> None:
    layout = _LAYOUTS[data[0] % len(_LAYOUTS) if data else 0]
    place = whole(held(data[1:]))
    table = _table("csv", {layout.split: {"": place}}, layout)
    drain(content_of_table(table, layout, None))


def _seeds() -> Iterator[bytes]:
    for number in range(len(_LAYOUTS)):
        for table in TABLES:
            yield bytes([number]) + table


TARGET = Target(
    "tables of text",
    _one,
    _seeds,
    refusals=(Refused, BadArrayError),
    words=(
        b"1_000", b"1e400", b"-inf", b"NaN", b"\xd9\xa1", b"18446744073709551616", b'"""',
        b"\r", b"\x00", b"\xe2\x80\xa8", b"label", b"group", b"1e", b"0x1", b"\xc2\xa0",
        b"9" * 40,
    ),
    longest=256,
)  # fmt: skip
