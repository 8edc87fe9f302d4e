"""The optimiser a spec names."""

import torch

from lathe.techniques.train import Adagrad, Adam, AdamW, Sgd
from worker.engine.hold.held import OwnParameters
from worker.engine.train.optimizer import optimizer


def weights() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.tensor([2.0]))]


def test_sgd_takes_nesterovs_step_and_decays_weights() -> None:
    # g = 1 + 0.5 * 2 = 2; Nesterov's first step is lr (g + momentum g)
    (weight,) = parameters = weights()
    chosen = optimizer(Sgd(lr=0.1, momentum=0.5, weight_decay=0.5), parameters)
    weight.grad = torch.tensor([1.0])
    chosen.step()
    assert torch.allclose(weight, torch.tensor([2 - 0.1 * (2 + 0.5 * 2)]))


def test_sgd_without_momentum_is_plain() -> None:
    (weight,) = parameters = weights()
    chosen = optimizer(Sgd(lr=0.1, momentum=0, weight_decay=0), parameters)
    weight.grad = torch.tensor([3.0])
    chosen.step()
    assert torch.allclose(weight, torch.tensor([2 - 0.3]))


def test_adam_mixes_decay_into_its_step_and_adamw_does_not() -> None:
    adam, adamw = weights(), weights()
    for spec, parameters in ((Adam, adam), (AdamW, adamw)):
        chosen = optimizer(spec(lr=0.1, weight_decay=0.5), parameters)
        parameters[0].grad = torch.tensor([3.0])
        chosen.step()
    # a first Adam step is lr whatever the gradient; AdamW shrinks by lr * decay besides
    assert torch.allclose(adam[0], torch.tensor([2 - 0.1]))
    assert torch.allclose(adamw[0], torch.tensor([2 * (1 - 0.1 * 0.5) - 0.1]))


def test_adagrad_divides_by_the_root_of_all_squares() -> None:
    (weight,) = parameters = weights()
    chosen = optimizer(Adagrad(lr=0.1, weight_decay=0), parameters)
    for gradient in (3.0, 4.0):  # roots of 9 and of 9 + 16
        weight.grad = torch.tensor([gradient])
        chosen.step()
    assert torch.allclose(weight, torch.tensor([2 - 0.1 * 3 / 3 - 0.1 * 4 / 5]))


def test_own_parameters_have_their_own_rate_and_decay_only_if_they_say_so() -> None:
    free, fixed, decaying = weights(), weights(), weights()
    own = (
        OwnParameters(tuple(fixed), lr_factor=0.5),
        OwnParameters(tuple(decaying), decays=True),
    )
    chosen = optimizer(Sgd(lr=0.1, momentum=0, weight_decay=0.5), free, own)
    for (parameter,) in (free, fixed, decaying):
        parameter.grad = torch.tensor([3.0])
    chosen.step()
    assert torch.allclose(free[0], torch.tensor([2 - 0.1 * (3 + 0.5 * 2)]))
    assert torch.allclose(fixed[0], torch.tensor([2 - 0.05 * 3]))
    assert torch.allclose(decaying[0], torch.tensor([2 - 0.1 * (3 + 0.5 * 2)]))
    assert [group["lr_factor"] for group in chosen.param_groups] == [1, 0.5, 1]
