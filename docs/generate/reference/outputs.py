"""Every kind of output that a job may ask for."""

from typing import get_args

from lathe.outputs import Output
from lathe.spec import Spec

OUTPUTS: tuple[type[Spec], ...] = get_args(get_args(Output)[0])
