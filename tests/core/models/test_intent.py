"""The intent model: a logistic regression with a network on top, calibrated."""

import torch

from core.models.intent import IntentModel, IntentShape

NAMES = ("recency", "frequency", "spend")


def test_without_hidden_layers_it_is_a_logistic_regression():
    model = IntentModel(IntentShape(NAMES, hidden=0, dropout=0.0))
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))
        model.linear.bias.fill_(0.25)
    model.mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    model.scale.fill_(2.0)
    found = model.probabilities(torch.tensor([[3.0, 2.0, 5.0]]))
    torch.testing.assert_close(found, torch.tensor([1.0 + 0.5 + 0.25]).sigmoid())


def test_the_network_starts_as_the_regression_it_is_built_on():
    torch.manual_seed(0)
    regression = IntentModel(IntentShape(NAMES, hidden=0, dropout=0.0))
    model = IntentModel(IntentShape(NAMES, hidden=8, dropout=0.0, user_width=4))
    model.load_state_dict(regression.state_dict(), strict=False)
    features, vectors = torch.randn(20, 3), torch.randn(20, 4)
    torch.testing.assert_close(model.probabilities(features, vectors), regression.probabilities(features))
    model(features, vectors).sum().backward()
    for name, parameter in model.named_parameters():
        if not name.startswith(("deep.0", "deep.3")):  # behind a last layer of zeros at first
            assert parameter.grad.abs().sum() > 0, name


def test_calibration_scales_and_shifts_the_logits():
    model = IntentModel(IntentShape(NAMES, hidden=8, dropout=0.5))
    features = torch.randn(9, 3)
    model.slope.fill_(0.5)
    model.shift.fill_(-1.0)
    expected = (0.5 * model.eval()(features) - 1.0).sigmoid()
    torch.testing.assert_close(model.train().probabilities(features), expected)
