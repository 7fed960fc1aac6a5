"""A trained model asked about, or trained on, another dataset of the same shop: its weights moved to the new codes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.data.inputs import ModelInputs
from core.data.vocabulary import Vocabulary
from core.errors import InputError
from core.models.product import product_shape
from core.models.recommender import AttentionRecommender, Shape
from core.models.task import Task
from core.schema.settings import TrainSettings

PARTS = {"text": "titles and descriptions", "image": "images", "prices": "prices"}  # of ProductEncoder


@dataclass(frozen=True)
class Transferred:
    """A model for another dataset; it can be asked as it is, or be what training starts from.

    `device`: where it lies. `notes`: what the model does not know of the new data, in words; empty where it knows all.
    """

    model: AttentionRecommender
    task: Task
    device: str
    notes: tuple[str, ...]


def transferred(
    model: AttentionRecommender,
    task: Task,
    *,
    old: Vocabulary,
    new: Vocabulary,
    inputs: ModelInputs,
    settings: TrainSettings,
) -> Transferred:
    """The same model for other codes.

    What belongs to an item, a label or a kind of event goes to where its name is now; all else stays. An item that the
    model does not know is placed by what describes it alone; a label that it does not know is like the mean of its
    attribute; an attribute, a kind of event or a kind of content that it never read says nothing.

    Of the very same dataset the same scores come out. Otherwise the features of texts, images and prices are
    standardised over another catalogue (see core.models.features), and all scores move a little with that.

    Args:
        model: is not changed.
        old, new: what the codes of the model's dataset, and of the inputs, stand for.
        inputs: of the new dataset, up to any moment. settings: with which they were read.

    Raises:
        InputError: the catalogue holds no item that the model knows.
    """
    items = _places(old.items, new.items)
    known = np.append(model.product.known.cpu().numpy(), False)[items]
    if not known.any():
        raise InputError(
            "None of the products that this run learnt from is in the catalogue of the newer data: "
            "its model cannot be asked about them. Train a new one."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        moved = AttentionRecommender(_shape(model.shape, inputs, settings, new))
    moved.learn_scales(inputs, np.zeros(inputs.n_items, np.float32), None, known=known)
    with torch.no_grad():
        moved.take_over(model, _tied(model, moved, old, new, items))
    if model.knows_popularity_alone:
        moved.product.forget_content()
    device = model.leave.weight.device
    return Transferred(moved.to(device).eval(), task, str(device), _notes(model, moved, old, new, known))


def _shape(shape: Shape, inputs: ModelInputs, settings: TrainSettings, new: Vocabulary) -> Shape:
    """The model's, but for what follows from the data."""
    product = product_shape(
        inputs.content, width=shape.width, id_dropout=shape.product.id_dropout, text=settings.text
    )
    return replace(
        shape,
        product=product,
        user_attributes={n: int(codes.max(initial=0)) + 1 for n, codes in inputs.user_attributes.items()},
        events=max(len(new.events), min(shape.events, 2)),  # a model that told kinds apart goes on to
        prices=0 if inputs.content.prices is None else inputs.content.prices.shape[1],
        user_features=0 if inputs.user_features is None else inputs.user_features.shape[1],
    )


def _tied(
    model: AttentionRecommender,
    moved: AttentionRecommender,
    old: Vocabulary,
    new: Vocabulary,
    items: np.ndarray,
) -> dict[str, Tensor]:
    """Parameters whose rows or columns belong to names, for the new codes."""
    tied = {
        "product.item.weight": _rows(model.product.item.weight, items),
        "product.bias": _rows(model.product.bias, items),
        "event.weight": _events(model, old, new, kinds=moved.shape.events),
    }
    tables = _tables(model)
    if new.item_attributes:
        parts = [
            _labelled(tables.get(name), old.item_attributes.get(name, ()), labels, width=model.shape.width)
            for name, labels in new.item_attributes.items()
        ]
        tied["product.attributes.weight"] = torch.cat(parts)
    tables = dict(zip(model.shape.user_attributes, model.behaviour.attributes, strict=True))
    for number, (name, labels) in enumerate(new.user_attributes.items()):
        table = tables[name].weight if name in tables else None
        tied[f"behaviour.attributes.{number}.weight"] = _labelled(
            table, old.user_attributes.get(name, ()), labels, width=2 * model.shape.width
        )
    if moved.behaviour.features is not None:
        tied["behaviour.features.weight"] = _features(model, moved, old, new)
    if moved.ranker is not None:
        tied["ranker.hidden.weight"] = _ranker(model, prices=moved.shape.prices)
    return tied


def _places(old: Sequence, new: Sequence) -> np.ndarray:
    """Where each of the new names was, -1 where nowhere."""
    place = {name: number for number, name in enumerate(old)}
    return np.array([place.get(name, -1) for name in new], dtype=np.int64)


def _rows(table: Tensor, places: np.ndarray, otherwise: Tensor | float = 0.0) -> Tensor:
    """Rows of a table (n, ...) at some places; what stands in for those at -1."""
    found = table[torch.from_numpy(places.clip(min=0)).to(table.device)]
    nowhere = torch.from_numpy(places < 0).to(table.device)
    return torch.where(nowhere.view(-1, *[1] * (table.dim() - 1)), otherwise, found)


def _tables(model: AttentionRecommender) -> dict[str, Tensor]:
    """Embeddings of each item attribute, (codes, D)."""
    sizes = model.shape.product.attributes
    return dict(zip(sizes, model.product.attributes.weight.split([*sizes.values()]), strict=True))


def _labelled(table: Tensor | None, old: Sequence[str], new: Sequence[str], *, width: int) -> Tensor:
    """Embeddings of an attribute for new labels, Unknown first: (1 + labels, width); zeros for one never read."""
    if table is None:
        return torch.zeros(len(new) + 1, width)
    labels = table[1:] if len(table) > 1 else table
    return torch.cat([table[:1], _rows(labels, _places(old, new), labels.mean(dim=0))])


def _events(model: AttentionRecommender, old: Vocabulary, new: Vocabulary, *, kinds: int) -> Tensor:
    """Embeddings of kinds of event, (kinds, D); zeros for kinds never read, and for all where there was only one."""
    places = _places(old.events, new.events)
    places[places >= model.shape.events] = -1
    if model.shape.events == 1:
        places[:] = -1
    return _rows(model.event.weight, np.pad(places, (0, kinds - len(places)), constant_values=-1))


def _features(
    model: AttentionRecommender, moved: AttentionRecommender, old: Vocabulary, new: Vocabulary
) -> Tensor:
    """The map of numbers about users, (2 D, F): a column goes where its label is."""
    if model.behaviour.features is None:
        return torch.zeros_like(moved.behaviour.features.weight)
    return _rows(model.behaviour.features.weight.T, _places(old.user_features, new.user_features)).T


def _ranker(model: AttentionRecommender, *, prices: int) -> Tensor:
    """First layer of the second stage, whose columns before the last one read prices; prices never read say nothing."""
    weight, had = model.ranker.hidden.weight, model.shape.prices
    if prices == had:
        return weight
    first, last = weight[:, : weight.shape[1] - had - 1], weight[:, -1:]
    return torch.cat([first, weight.new_zeros(len(weight), prices), last], dim=1)


def _notes(
    model: AttentionRecommender,
    moved: AttentionRecommender,
    old: Vocabulary,
    new: Vocabulary,
    known: np.ndarray,
) -> tuple[str, ...]:
    """What the model does not know of the new data."""
    notes = []
    if not known.all():
        told = f"{(~known).sum():,} of {len(known):,} products are new to the model"
        notes.append(f"{told}, which places them by what describes them alone.")
    for of, before, now in (
        ("products", old.item_attributes, new.item_attributes),
        ("users", old.user_attributes, new.user_attributes),
    ):
        for name, labels in now.items():
            unknown = set(labels) - set(before.get(name, ()))
            if name not in before:
                notes.append(f"The model never read {name} of {of}, and does not.")
            elif unknown:
                labels = "1 label" if len(unknown) == 1 else f"{len(unknown):,} labels"
                verb = "is" if len(unknown) == 1 else "are"
                notes.append(f"{labels} of {name} of {of} {verb} new to the model.")
        notes += [f"The data no longer hold {name} of {of}." for name in before if name not in now]
    for part, title in PARTS.items():
        had, has = (getattr(each.product, part) is not None for each in (model, moved))
        if had != has:
            notes.append(
                f"The data no longer hold {title}." if had else f"The model never read {title}, and does not."
            )
    if kinds := set(new.events) - set(old.events):
        notes.append(f"The model never met these kinds of event: {', '.join(sorted(kinds))}.")
    return tuple(notes)
