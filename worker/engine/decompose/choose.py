"""The rank of every layer, by whatever the spec says that it is to be chosen by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import onnx

from lathe.errors import BudgetUnreachable, StepImpossible
from lathe.techniques.decompose import (
    GivenRank,
    RankByBudget,
    RankByEnergy,
    RankByVbmf,
    RankChoice,
)
from worker.engine.decompose.allocate import Offers, allocate
from worker.engine.decompose.given import as_ranks, shown, too_large
from worker.engine.decompose.layer import Counts, Layer, Left
from worker.engine.decompose.row import Energies, Method, Ranks
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.layerwise.site import Floats
from worker.engine.pace import Pace


@dataclass(frozen=True, slots=True)
class Chosen:
    """A layer, its rank, and what the factors cost."""

    layer: Layer
    rank: Ranks
    parameters: int
    macs: int | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The ranks of a layer that cost less than it does, (n, k), and their `costs` (n,)."""

    layer: Layer
    ranks: Counts
    costs: Counts
    full: int


@dataclass(frozen=True, slots=True)
class Chooser:
    """`weight` reads a layer's weight; `pace` counts the layers that were judged."""

    model: onnx.ModelProto
    method: Method
    choice: RankChoice
    weight: Callable[[Layer], Floats]
    pace: Pace

    def candidates(self, layers: Sequence[Layer]) -> tuple[list[Candidates], list[Left]]:
        """What could be saved, and why nothing can be; no weight is read.

        Raises BudgetUnreachable, and StepImpossible for a budget of what cannot be counted.
        """
        found, left = [], []
        for layer in layers:
            full, ranks = self._full(layer), self.method.ranks(layer)
            costs = self._costs(layer, ranks)
            if full is None or costs is None:
                left.append(Left(layer.name, f"its {self._unit} are unknown"))
            elif not (cheaper := costs < full).any():
                left.append(Left(layer.name, f"no rank saves {self._unit}"))
            else:
                found.append(Candidates(layer, ranks[cheaper], costs[cheaper], full))
        if isinstance(self.choice, RankByBudget):
            savings = [one.full - int(one.costs.min()) for one in found]
            _require_reachable(self.choice, self._total(), savings)
        return found, left

    def choose(self, found: Sequence[Candidates]) -> tuple[list[Chosen], list[Left]]:
        """Ranks of the layers that are replaced, and why the others are not.

        Raises BudgetUnreachable where fits that are good enough do not reach it.
        """
        if isinstance(self.choice, RankByBudget):
            return self._within(self.choice, found)
        return self._each(self.choice, found)

    def _within(
        self, budget: RankByBudget, found: Sequence[Candidates]
    ) -> tuple[list[Chosen], list[Left]]:
        offers, ranks = [], []
        for one in found:
            energies = self._energies(one)
            good = energies >= self.method.least_energy
            offers.append(Offers(one.full, one.costs[good], 1 - energies[good]))
            ranks.append(one.ranks[good])
        total = self._total()
        savings = [one.full - int(one.costs.min(initial=one.full)) for one in offers]
        _require_reachable(budget, total, savings)
        chosen, left = [], []
        places = allocate(offers, total * (1 - budget.keep))
        for one, allowed, place in zip(found, ranks, places, strict=True):
            if place is None:
                left.append(Left(one.layer.name, "the budget is met without it"))
            else:
                chosen.append(self._chosen(one.layer, _numbers(allowed[place])))
        return chosen, left

    def _each(
        self, choice: RankByEnergy | RankByVbmf | GivenRank, found: Sequence[Candidates]
    ) -> tuple[list[Chosen], list[Left]]:
        chosen, left = [], []
        for one in found:
            match choice:
                case RankByEnergy():
                    rank = self._keeping(choice.energy, one)
                case RankByVbmf():
                    rank = self._apart(one)
                case GivenRank():
                    rank = self._given(choice, one)
                case _:
                    assert_never(choice)
            if isinstance(rank, Left):
                left.append(rank)
            else:
                chosen.append(self._chosen(one.layer, rank))
        return chosen, left

    def _keeping(self, energy: float, one: Candidates) -> Ranks | Left:
        """The cheapest that keeps `energy`; of equally cheap ones the one that keeps most."""
        energies = self._energies(one)
        enough = np.flatnonzero(energies >= max(energy, self.method.least_energy))
        if not len(enough):
            reason = f"no rank that saves {self._unit} keeps {energy:g} of its energy"
            return Left(one.layer.name, reason)
        best = np.lexsort((-energies[enough], one.costs[enough]))[0]
        return _numbers(one.ranks[enough[best]])

    def _apart(self, one: Candidates) -> Ranks | Left:
        rank = self.method.vbmf(one.layer, self.weight(one.layer))
        self.pace.add(1)
        if not all(rank):
            return Left(one.layer.name, "nothing in it stands out from noise")
        step, most = self.method.round_to, self.method.most(one.layer)
        rounded = (-(-number // step) * step for number in rank)
        return self._saving(one, tuple(map(min, rounded, most)))

    def _given(self, choice: GivenRank, one: Candidates) -> Ranks | Left:
        self.pace.add(1)
        rank = choice.layers.get(one.layer.name, choice.rank)
        if rank is None:
            return Left(one.layer.name, "no rank is given for it")
        most = self.method.most(one.layer)
        if too_large(rank, most):
            return Left(one.layer.name, f"its rank is at most {shown(most)}")
        return self._saving(one, as_ranks(rank, most))

    def _saving(self, one: Candidates, rank: Ranks) -> Ranks | Left:
        """`rank`, where it saves what it is to save and keeps what it has to keep."""
        costs = self._costs(one.layer, np.array([rank]))
        if costs is None or costs[0] >= one.full:
            return Left(one.layer.name, f"rank {shown(rank)} saves no {self._unit}")
        if self.method.least_energy:
            weight = self.weight(one.layer)
            energy = self.method.energies(one.layer, weight, np.array([rank]))[0]
            if energy < self.method.least_energy:
                reason = f"rank {shown(rank)} keeps {energy:.4f} of its energy only"
                return Left(one.layer.name, reason)
        return rank

    def _energies(self, one: Candidates) -> Energies:
        found = self.method.energies(one.layer, self.weight(one.layer), one.ranks)
        self.pace.add(1)
        return found

    def _chosen(self, layer: Layer, rank: Ranks) -> Chosen:
        sizes = self.method.sizes(layer, np.array([rank]))
        products = layer.row_macs(sizes)
        return Chosen(
            layer,
            rank,
            int(sum(elements[0] for elements in sizes.elements)),
            None if products is None else int(products[0]),
        )

    def _total(self) -> int:
        total = (macs if self.choice.saves == "macs" else parameters)(self.model)
        if not total:
            raise StepImpossible(
                "the multiply-accumulates of this model cannot be counted, because a shape in "
                "it is unknown; give keep_parameters instead",
                param="rank.keep_macs",
            )
        return total

    def _full(self, layer: Layer) -> int | None:
        return layer.macs if self.choice.saves == "macs" else layer.parameters

    def _costs(self, layer: Layer, ranks: Counts) -> Counts | None:
        sizes = self.method.sizes(layer, ranks)
        if self.choice.saves == "macs":
            return layer.row_macs(sizes)
        return np.asarray(np.sum(sizes.elements, axis=0), np.int64)

    @property
    def _unit(self) -> str:
        return "multiply-accumulates" if self.choice.saves == "macs" else "parameters"


def _numbers(row: Counts) -> Ranks:
    return tuple(int(number) for number in row)


def _require_reachable(budget: RankByBudget, total: int, savings: Sequence[int]) -> None:
    least = (total - sum(int(saving) for saving in savings)) / total
    if least > budget.keep:
        name = f"keep_{budget.saves}"
        raise BudgetUnreachable(
            f"{name} {budget.keep:g} cannot be reached: with the smallest rank in every layer "
            f"that can be decomposed, {least:.4f} is left; raise the budget, or protect less",
            param=f"rank.{name}",
        )
