"""A model in other codes: the same scores for the same names, and sense where something is new or missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.dataset import table
from core.data.inputs import without_items
from core.data.prepare import prepare
from core.data.vocabulary import Vocabulary
from core.errors import InputError
from core.recommend.candidates import candidates
from core.schema.settings import TrainSettings
from core.train.fit import TrainedModel, fit
from core.train.transfer import Transferred, transferred
from core.workflow.questions import material_of
from tests.conftest import SLICE
from tests.core.models.made import later_positives
from tests.core.train.made_shop import MadeShop, made_shop

SETTINGS = TrainSettings(
    width=16, layers=1, heads=2, history_length=16, epochs=3, batch_size=8, seen_items="keep"
)


@pytest.fixture(scope="module")
def shop() -> MadeShop:
    return made_shop()


@pytest.fixture(scope="module")
def trained(shop) -> TrainedModel:
    """With a second stage, whether it helps or not."""
    found = fit(shop.inputs, later_positives(shop.inputs), SETTINGS.model_copy(update={"ranking": False}))
    torch.manual_seed(0)
    found.model.add_ranker()
    torch.nn.init.normal_(found.model.ranker.out.weight, std=0.1)
    return found


def moved(trained, old: MadeShop, new: MadeShop, settings=SETTINGS, inputs=None) -> Transferred:
    names = {"old": old.vocabulary, "new": new.vocabulary}
    return transferred(trained.model, trained.task, **names, inputs=inputs or new.inputs, settings=settings)


def scores_of(model, shop: MadeShop, inputs=None) -> pd.DataFrame:
    return shop.named(candidates(model, inputs or shop.inputs))


def test_the_same_data_give_the_same_lists(shop, trained):
    before = {name: tensor.clone() for name, tensor in trained.model.state_dict().items()}
    found = moved(trained, shop, shop)
    assert found.notes == ()
    assert candidates(found, shop.inputs).equals(candidates(trained, shop.inputs))
    for name, tensor in trained.model.state_dict().items():
        assert torch.equal(tensor, before[name])  # the model itself is not touched
        assert torch.equal(found.model.state_dict()[name], tensor), name


@pytest.mark.parametrize("seed", range(3))
def test_the_same_shop_in_other_codes_gets_the_same_scores(shop, trained, seed):
    other = shop.shuffled(seed)
    assert other.vocabulary.items != shop.vocabulary.items
    assert other.vocabulary.item_attributes != shop.vocabulary.item_attributes
    assert other.vocabulary.events != shop.vocabulary.events
    found = moved(trained, shop, other)
    assert found.notes == ()
    # sums over the catalogue run in another order
    pd.testing.assert_frame_equal(scores_of(found, other), scores_of(trained, shop), atol=1e-4, rtol=1e-4)


def test_a_larger_catalogue_and_more_users_leave_the_order_of_known_items_nearly_as_it_was(shop, trained):
    larger = shop.grown(6)
    found = moved(trained, shop, larger)
    assert found.notes == (
        "6 of 30 products are new to the model, which places them by what describes them alone.",
        "1 label of brand of products is new to the model.",
    )
    before, after = scores_of(trained, shop), scores_of(found, larger)
    assert set(after.index) - set(before.index) == {"a new one", "another"}
    known = after.loc[before.index, before.columns]
    alike = known.rank(axis=1).corrwith(before.rank(axis=1), axis=1)
    assert alike.min() > 0.95
    assert alike.mean() > 0.99
    new = found.model.product()
    assert not found.model.product.known[:6].any()
    content = found.model.product.content_vectors()
    torch.testing.assert_close(new.vectors[:6], content.vectors[:6])


def test_a_label_that_the_model_does_not_know_is_like_the_mean_of_its_attribute(shop, trained):
    names = shop.vocabulary
    renamed = replace(
        shop, items=shop.items.assign(brand=shop.items["brand"].cat.rename_categories({"north": "n"}))
    )
    table = trained.model.product.attributes.weight
    found = moved(trained, shop, renamed).model.product.attributes.weight
    first = 1 + len(names.item_attributes["category"])  # where brands begin: Unknown, then their labels
    place = 1 + first + renamed.vocabulary.item_attributes["brand"].index("n")
    torch.testing.assert_close(found[place], table[first + 1 :].mean(dim=0))
    torch.testing.assert_close(found[: first + 1], table[: first + 1])


def test_what_the_model_never_read_says_nothing(shop, trained):
    users = shop.users.assign(plan=pd.Categorical(["gold", "free"] * 15))
    items = shop.items.assign(shelf=pd.Categorical(["top", "low"] * 12))
    more = replace(shop, users=users, items=items)
    found = moved(trained, shop, more)
    assert found.notes == (
        "The model never read shelf of products, and does not.",
        "The model never read plan of users, and does not.",
    )
    pd.testing.assert_frame_equal(scores_of(found, more), scores_of(trained, shop), atol=1e-4, rtol=1e-4)


def test_kinds_of_event_that_the_model_never_met_say_nothing():
    """A model that knew purchases alone is asked about data with carts: to it a cart is a purchase."""
    bought = made_shop(seed=3)
    plain = replace(
        bought, events=bought.events.assign(event=pd.Categorical(["purchase"] * len(bought.events)))
    )
    trained = fit(plain.inputs, later_positives(plain.inputs), SETTINGS)
    found = moved(trained, plain, bought)
    assert found.notes == ("The model never met these kinds of event: cart, view.",)
    pd.testing.assert_frame_equal(scores_of(found, bought), scores_of(trained, plain), atol=1e-5, rtol=1e-5)
    back = moved(found, bought, plain)  # and the other way round
    pd.testing.assert_frame_equal(scores_of(back, plain), scores_of(trained, plain), atol=1e-5, rtol=1e-5)


def test_a_model_that_told_kinds_of_event_apart_does_so_where_only_purchases_are_left(shop, trained):
    """The kind's own vector stays in every basket, as the model is used to."""
    bought = shop.events[shop.events["event"] == "purchase"]
    kept = replace(shop, events=bought)
    alone = replace(shop, events=bought.assign(event=pd.Categorical(["purchase"] * len(bought))))
    expected = scores_of(trained, kept)
    pd.testing.assert_frame_equal(
        scores_of(moved(trained, shop, alone), alone), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("missing", "note"),
    [
        ("list_price", "The data no longer hold prices."),
        ("brand", "The data no longer hold brand of products."),
        ("title", "The data no longer hold titles and descriptions."),
    ],
)
def test_data_that_lack_what_the_model_read_still_get_lists(shop, trained, missing, note):
    items = shop.items.drop(columns=missing)
    if missing == "title":  # prepared data always have one: the id
        items["title"] = items["item_id"]
    fewer = replace(shop, items=items)
    found = moved(trained, shop, fewer)
    assert found.notes == (note,)
    known, before = scores_of(found, fewer), scores_of(trained, shop)
    assert np.isfinite(known.to_numpy()).all()
    assert known.corrwith(before, axis=1).mean() > 0.8
    again = moved(found, fewer, shop)  # and what is read now and was not says nothing
    assert len(again.notes) == 1
    assert again.notes[0].startswith("The model never read ")
    pd.testing.assert_frame_equal(scores_of(again, shop), known, atol=1e-4, rtol=1e-4)


def test_pictures_are_looked_at_anew(shop):
    """The features of images are those that the trained network makes of the new catalogue's pixels."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (6, 3, 32, 32), np.uint8)
    shown = np.arange(24) % 6
    inputs = replace(shop.inputs, content=replace(shop.inputs.content, images=pictures, image=shown))
    trained = fit(inputs, later_positives(inputs), SETTINGS)
    assert trained.model.product.image.out.weight.abs().max() > 0
    turned = replace(inputs.content, images=np.ascontiguousarray(pictures[::-1]), image=5 - shown)
    found = moved(trained, shop, shop, inputs=replace(inputs, content=turned))
    pd.testing.assert_frame_equal(
        scores_of(found, shop, inputs), scores_of(trained, shop, inputs), atol=1e-4, rtol=1e-4
    )


def test_numbers_in_place_of_user_attributes_go_by_their_labels(shop):
    labels, rng = (("region", "coast"), ("region", "hills")), np.random.default_rng(0)
    numbers = rng.random((len(shop.users), 2), np.float32)
    inputs = replace(shop.inputs, user_attributes={}, user_features=numbers)
    trained = fit(inputs, later_positives(inputs), SETTINGS)

    def named(names) -> Vocabulary:
        return replace(shop.vocabulary, user_attributes={}, user_features=names)

    turned = replace(inputs, user_features=np.ascontiguousarray(np.pad(numbers, ((0, 0), (1, 0)))[:, ::-1]))
    found = transferred(
        trained.model,
        trained.task,
        old=named(labels),
        new=named((*labels[::-1], ("region", "plains"))),
        inputs=turned,
        settings=SETTINGS,
    )
    assert not np.allclose(numbers[:, 0], numbers[:, 1])
    pd.testing.assert_frame_equal(
        scores_of(found, shop, turned), scores_of(trained, shop, inputs), atol=1e-5, rtol=1e-5
    )


def test_a_model_that_knows_popularity_alone_goes_on_to(shop):
    once = replace(shop, events=shop.events.drop_duplicates("user_id"))
    trained = fit(once.inputs, later_positives(once.inputs), SETTINGS)
    assert trained.model.knows_popularity_alone
    larger = once.grown(5)
    before = scores_of(trained, once)
    after = scores_of(moved(trained, once, larger), larger).loc[before.index]  # of those who came
    assert after[before.columns].rank(axis=1).equals(before.rank(axis=1))
    added = after[[name for name in after if name not in before]].to_numpy()
    assert added.max() < after[before.columns].to_numpy().min()


def test_a_catalogue_without_any_known_item_is_refused(shop, trained):
    other = replace(shop, items=shop.items.assign(item_id=[f"other {n}" for n in range(24)]))
    with pytest.raises(InputError, match="None of the products"):
        transferred(
            trained.model,
            trained.task,
            old=shop.vocabulary,
            new=other.vocabulary,
            inputs=shop.inputs,
            settings=SETTINGS,
        )


def test_random_numbers_of_the_caller_are_left_alone(shop, trained):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    moved(trained, shop, shop.grown(3))
    assert torch.rand(1) == expected


def test_a_real_shop_that_grew_keeps_its_lists(prepared, workspace):
    """150 households, then 300 of whom these are half: what each is listed of what both catalogues hold is nearly the same."""
    settings = SETTINGS.model_copy(update={"epochs": 1, "repeat_term": True, "ranking": False})
    smaller = prepare(workspace, "complete_journey", SLICE.model_copy(update={"sample_users": 150}))
    asked, names, ids = [], [], []
    for store, dataset in ((workspace, smaller), prepared):
        material = material_of(store, dataset, settings)
        names.append(material.vocabulary)
        ids.append(table(store, dataset, "users", ["user_id"])["user_id"].to_numpy())
        asked.append(material.question("validation"))
    shared = [np.isin(names[0].items, names[1].items), np.isin(names[1].items, names[0].items)]
    assert len(shared[1]) > 1.2 * shared[1].sum()  # the catalogue grew
    trained = fit(asked[0].inputs, asked[0].positives, settings)
    found = transferred(
        trained.model, trained.task, old=names[0], new=names[1], inputs=asked[1].inputs, settings=settings
    )
    lists = []
    for model, question, own, people, kept in zip(
        (trained, found), asked, names, ids, shared, strict=True
    ):  # from the same histories
        listed = candidates(model, without_items(question.inputs, ~kept))
        listed = listed[kept[listed["item"]] & np.isin(people[listed["user"]], ids[0])]
        first = listed[listed.groupby("user").cumcount() < 10]
        lists.append(set(zip(people[first["user"]], np.array(own.items)[first["item"]], strict=True)))
    assert len(lists[0]) == 1500
    assert len(lists[0] & lists[1]) > 0.9 * len(lists[0])
