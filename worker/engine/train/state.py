"""How far the trainings of one step have got, so that a killed one goes on where it was.

A step may train several times: rounds of pruning, a rate that grows and then settles. Its
trainings are numbered in the order in which they begin, which is the same in every attempt.
One that ended is kept as it ended, the one that runs as it was after an epoch; what lies
between them is computed again. Everything is in one safetensors file:

    tensors    "<training>/<part>/<name>", parts: module, best, optimizer, held, random
    metadata   ENTRY: JSON, a list of what each training tells in numbers and words
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = 1
ENTRY = "lathe.training"
SAVING_COSTS = 0.05  # of the time between two files, at most

Parts = dict[str, dict[str, Tensor]]
Tell = Callable[[Path, int], None]


@dataclass(frozen=True, slots=True)
class State:
    """One training after an epoch: tensors by part and name, and what JSON can hold."""

    parts: Parts
    told: dict[str, Any]
    ended: bool = False


@dataclass
class Trainings:
    """Of one step. `found` is the file of an earlier attempt, `tell` hears of each new file in
    `folder` and the epoch it was written after; without one nothing is written. Two files are
    at least `every_s` apart."""

    found: Path | None = None
    folder: Path | None = None
    tell: Tell | None = None
    every_s: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _begun: int = 0
    _known: list[State] | None = None
    _ended: list[State] = field(default_factory=list)
    _files: int = 0
    _due_s: float = 0.0

    def begin(self) -> State | None:
        """The next training begins; how far an earlier attempt got with it, if it did."""
        if self._known is None:
            self._known = [] if self.found is None else read(self.found)
            self._due_s = self.clock() + self.every_s
        self._begun += 1
        return self._known[self._begun - 1] if self._begun <= len(self._known) else None

    def offer(self, state: Callable[[], State]) -> None:
        """The training that runs is behind an epoch; write a file if it is time."""
        if self.tell is None or self.folder is None or self.clock() < self._due_s:
            return
        begun_s = self.clock()
        self._files += 1
        path = self.folder / f"training-{self._begun}-{self._files}.safetensors"
        now = state()
        write([*self._ended, now], path)
        self.tell(path, int(now.told["epoch"]))
        done_s = self.clock()
        self._due_s = done_s + max(self.every_s, (done_s - begun_s) / SAVING_COSTS)

    def end(self, state: Callable[[], State]) -> None:
        """The training that runs is over."""
        if self.tell is not None:
            self._ended.append(state())


def write(states: list[State], path: Path) -> None:
    """Write `states` to one file."""
    tensors = {
        f"{number}/{part}/{name}": tensor.detach().to("cpu", copy=True).contiguous()
        for number, state in enumerate(states)
        for part, named in state.parts.items()
        for name, tensor in named.items()
    }
    told = [{"ended": state.ended, **state.told} for state in states]
    entry = json.dumps({"format": FORMAT, "trainings": told})
    save_file(tensors, path, metadata={ENTRY: entry})


def read(path: Path) -> list[State]:
    """What `write` wrote; nothing where it was written in another format."""
    with safe_open(path, framework="pt") as file:
        said = json.loads((file.metadata() or {}).get(ENTRY, "{}"))
        if said.get("format") != FORMAT:
            return []
        parts: list[Parts] = [{} for _ in said["trainings"]]
        for key in file.keys():  # noqa: SIM118 - it is no mapping
            number, part, name = key.split("/", 2)
            parts[int(number)].setdefault(part, {})[name] = file.get_tensor(key)
    return [
        State(parts[number], told, ended=told.pop("ended"))
        for number, told in enumerate(said["trainings"])
    ]


def fits(found: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> bool:
    """Whether names and shapes are the same."""
    return {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in now.items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's running sums and counts, as "<parameter>/<name>"."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}/{name}": torch.as_tensor(value)
        for number, named in state.items()
        for name, value in named.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took from one with the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split("/")
        state.setdefault(int(number), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def generators(device: torch.device) -> dict[str, Tensor]:
    """Where torch's random numbers stand."""
    cuda = {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
    return {"cpu": torch.get_rng_state(), **cuda}


def restore_generators(device: torch.device, states: Mapping[str, Tensor]) -> None:
    """Put back what `generators` took on a device of the same kind."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
