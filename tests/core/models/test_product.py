"""The product model: every part learns, content stands in for history, and what is saved is whole."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save

from core.data.content import ItemContent, item_content
from core.models.bags import BagSums
from core.models.product import ProductEncoder, ProductShape, product_shape
from core.models.text import FILTERS, WINDOW, TextEncoder

TITLES = ["red shoe", "blue shoe for men", "i2", "red shoe", "hat", "a warm woollen hat with a feather"]


def made_items(titles=TITLES) -> pd.DataFrame:
    n = len(titles)
    return pd.DataFrame(
        {
            "item_id": [f"i{row}" for row in range(n)],
            "title": titles,
            "category": pd.Categorical([("shoes", "hats", "Unknown")[row % 3] for row in range(n)]),
            "list_price": [float(row) if row % 4 else np.nan for row in range(n)],
        }
    )


def made_encoder(items=None, *, known=None, shaken: bool = True, **shape) -> ProductEncoder:
    content = item_content(made_items() if items is None else items)
    return encoder_of(content, known=known, shaken=shaken, **shape)


def encoder_of(content: ItemContent, *, known=None, shaken: bool = True, **shape) -> ProductEncoder:
    torch.manual_seed(5)
    encoder = ProductEncoder(product_shape(content, **{"width": 8, "id_dropout": 0.5} | shape))
    encoder.learn_scales(content, np.arange(len(content), dtype=np.float32), known=known)
    if shaken:  # so that a difference anywhere shows
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return encoder


def with_images(n: int = 6, distinct: int = 4) -> ItemContent:
    """Made items of which all but the last have one of a few pictures."""
    image = np.append(np.arange(n - 1) % distinct, -1).astype(np.int32)
    pixels = np.random.default_rng(1).integers(0, 256, (distinct, 3, 32, 32), dtype=np.uint8)
    return replace(item_content(made_items()[:n]), images=pixels, image=image)


def letters(texts) -> np.ndarray:
    """A sentence encoder that counts letters."""
    return np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts], np.float32)


def both(products) -> torch.Tensor:
    return torch.cat([products.vectors, products.bias[:, None]], dim=1)


def test_bags_sum_as_torch_does_both_ways():
    index, offsets = np.array([3, 0, 3, 1, 2, 2]), np.array([0, 2, 2, 5, 6])
    bags = BagSums(entries=6, bags=4, rows=5)
    bags.plan(index, offsets)
    table, weight = torch.randn(5, 7, requires_grad=True), torch.randn(4, 7)
    expected = F.embedding_bag(
        torch.from_numpy(index), table, torch.from_numpy(offsets), mode="sum", include_last_offset=True
    )
    torch.testing.assert_close(bags(table), expected)
    wanted = torch.autograd.grad((expected * weight).sum(), table)
    torch.testing.assert_close(torch.autograd.grad((bags(table) * weight).sum(), table), wanted)
    assert bags.sizes.tolist() == [2, 0, 3, 1]


def test_texts_are_convolved_as_a_padded_convolution_would():
    content = item_content(made_items())
    texts = np.unique(content.words[(content.words >= 0).any(axis=1)], axis=0)
    lengths = (texts >= 0).sum(axis=1)
    texts = texts[np.argsort(lengths, kind="stable")]
    encoder = TextEncoder(
        width=8,
        lengths=np.bincount(lengths)[1:].tolist(),
        words=len(content.ngram_offsets) - 1,
        ngrams=len(content.ngrams),
    )
    encoder.plan(texts, content.ngrams, content.ngram_offsets)
    torch.nn.init.normal_(encoder.out.weight)
    torch.nn.init.normal_(encoder.floor)
    words = F.embedding_bag(
        torch.from_numpy(content.ngrams).long(),
        encoder.ngram.weight,
        torch.from_numpy(content.ngram_offsets),
        mode="mean",
        include_last_offset=True,
    )
    weight = encoder.filters.weight.view(WINDOW, FILTERS, -1).permute(1, 2, 0)  # (F, E, WINDOW)
    best = []
    for text in texts:
        sequence = F.pad(words[text[text >= 0]].T, (0, WINDOW - 1))  # (E, W + WINDOW - 1)
        best.append(F.conv1d(sequence[None], weight)[0].amax(dim=1))
    expected = F.relu(torch.stack(best) + encoder.floor)
    expected = (expected - expected.mean(dim=0)) / (expected.var(dim=0, correction=0) + 1e-4).sqrt()
    torch.testing.assert_close(encoder(), encoder.out(expected / FILTERS**0.5))


@pytest.mark.parametrize("encode", [None, letters])
@pytest.mark.parametrize("pictures", [True, False])
def test_gradients_reach_every_part(encode, pictures):
    content = item_content(made_items(), encode=encode)
    if pictures:
        content = replace(content, images=with_images().images, image=with_images().image)
    encoder = encoder_of(content).train()
    both(encoder()).square().sum().backward()
    silent = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_a_new_model_is_the_one_without_text_and_prices():
    encoder = made_encoder(shaken=False).eval()
    attributes = encoder.attributes.weight[torch.tensor([2, 1, 0, 2, 1, 0])]
    torch.testing.assert_close(encoder().vectors, encoder.item.weight + attributes)
    assert encoder().bias.tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]


def test_a_product_that_nobody_took_is_expected_to_sell_as_its_attributes_do():
    rng = np.random.default_rng(0)
    category = rng.choice(["bread", "candles"], 400)
    sold = rng.poisson(np.where(category == "bread", 60.0, 2.0) * rng.gamma(0.5, 2.0, 400))
    items = pd.DataFrame(
        {"item_id": [f"i{row}" for row in range(400)], "title": "x", "category": pd.Categorical(category)}
    )
    known = np.arange(400) < 300
    encoder = ProductEncoder(product_shape(content := item_content(items), width=8, id_dropout=0.5))
    counts = np.log1p(np.where(known, sold, 0)).astype(np.float32)
    encoder.learn_scales(content, counts, known=known)
    bias = encoder.eval()().bias.detach().numpy() + counts[known].mean()
    np.testing.assert_allclose(bias[known], counts[known], atol=1e-4)
    for name in ("bread", "candles"):
        new, old = (category == name) & ~known, (category == name) & known
        expected = np.log(sold[old].mean())
        assert np.abs(bias[new] - expected).max() < 0.7
        assert bias[new].mean() > counts[old].mean()  # of purchases, not of their logarithms
    fresh = encoder.train()().bias  # while training, items learn to do with sums of content
    torch.testing.assert_close(fresh[~encoder.known], encoder.content_vectors().bias[~encoder.known])


def test_ids_are_dropped_in_training_only():
    encoder = made_encoder()
    alone, asked = both(encoder.content_vectors()), both(encoder.eval()())
    torch.testing.assert_close(both(encoder()), asked, rtol=0, atol=0)
    encoder.train()
    dropped = 0
    for _ in range(200):
        trained = both(encoder())
        without = torch.isclose(trained, alone).all(dim=1)
        torch.testing.assert_close(trained[~without], asked[~without])
        dropped += int(without.sum())
    assert 500 < dropped < 700  # half of 200 steps of 6 items


def test_an_item_without_history_has_the_vector_of_its_content_alone_and_the_bias_of_the_others():
    known = np.array([True, True, True, False, True, True])
    encoder = made_encoder(known=known).eval()
    asked, alone = both(encoder()), both(encoder.content_vectors())
    torch.testing.assert_close(asked[3, :-1], alone[3, :-1], rtol=0, atol=0)
    assert not torch.isclose(asked[known], alone[known]).all(dim=1).any()
    before = asked[3].clone()
    with torch.no_grad():
        encoder.item.weight[3] += 9
        encoder.bias[3] += 9
    torch.testing.assert_close(both(encoder())[3], before, rtol=0, atol=0)
    with torch.no_grad():
        encoder.bias += 1
    assert encoder().bias[3].item() == pytest.approx(before[-1].item() + 1, abs=1e-3)


def test_two_items_of_the_same_content_differ_by_their_ids_only():
    items = made_items(["red shoe", "red shoe", "hat"]).assign(
        category=pd.Categorical(["a", "a", "b"]), list_price=[2.0, 2.0, 5.0]
    )
    encoder = made_encoder(items).eval()
    alone, asked = both(encoder.content_vectors()), both(encoder())
    torch.testing.assert_close(alone[0], alone[1], rtol=0, atol=0)
    assert not torch.isclose(alone[0], alone[2]).any()
    assert not torch.isclose(asked[0], asked[1]).any()


def test_a_brand_that_only_unknown_items_have_counts_as_unknown():
    items = made_items(["hat"] * 3).assign(
        category=pd.Categorical(["a", "b", "Unknown"]), list_price=[2.0] * 3
    )
    alone = made_encoder(items, known=np.array([True, False, True])).content_vectors().vectors
    torch.testing.assert_close(alone[1], alone[2], rtol=0, atol=0)
    assert not torch.isclose(alone[0], alone[1]).any()


def test_each_item_is_the_same_whatever_the_order():
    items, order = made_items(), np.array([4, 2, 0, 5, 1, 3])
    straight = both(made_encoder(items, ids=False).eval()())
    turned = both(made_encoder(items.iloc[order].reset_index(drop=True), ids=False).eval()())
    torch.testing.assert_close(turned, straight[order], rtol=1e-6, atol=1e-6)


def test_the_same_seed_gives_the_same_numbers_and_gradients():
    def once():
        encoder = made_encoder().train()
        products = both(encoder())
        products.square().sum().backward()
        return [products, *(parameter.grad for parameter in encoder.parameters())]

    for first, second in zip(once(), once(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize(
    "without", [(), ("title",), ("category", "list_price"), ("title", "category", "list_price")]
)
def test_it_can_be_rebuilt_from_its_shape_and_weights_alone(ids, without):
    items = made_items()
    if "title" in without:
        items["title"] = items["item_id"]
    encoder = made_encoder(items.drop(columns=[name for name in without if name != "title"]), ids=ids).eval()
    weights = load(save(encoder.state_dict()))
    shape = ProductShape(**json.loads(json.dumps(asdict(encoder.shape))))
    again = ProductEncoder(shape)
    again.load_state_dict(weights)
    assert asdict(again.shape) == json.loads(json.dumps(asdict(encoder.shape)))
    torch.testing.assert_close(both(again.eval()()), both(encoder()), rtol=0, atol=0)


def test_without_text_titles_do_not_matter():
    other = made_items(["something else entirely", *TITLES[1:]])
    one, two = made_encoder(text=False).eval(), made_encoder(other, text=False).eval()
    assert one.text is None
    torch.testing.assert_close(both(one()), both(two()), rtol=0, atol=0)


def test_texts_that_are_long_strange_or_empty_are_finite():
    titles = ["🔥🔥", "x" * 100_000, "", "\u202e\u05d0\u05d1", "word " * 20_000, "!"]
    assert both(made_encoder(made_items(titles))()).isfinite().all()


def test_the_size_follows_distinct_texts_not_items():
    content = item_content(made_items(["a red shoe", "a blue hat"] * 5_000))
    encoder = ProductEncoder(product_shape(replace(content, attributes={}), width=8, id_dropout=0, ids=False))
    assert encoder.shape.texts == 2
    assert sum(tensor.numel() for tensor in encoder.text.buffers()) < 20_000  # the n-gram table's way back


def test_title_words_learn_to_tell_the_category():
    kinds = {
        "shoe": ["shoe", "shoes", "footwear"],
        "hat": ["hat", "hats", "headwear"],
        "bag": ["bag", "bags", "handbag"],
    }
    rng = np.random.default_rng(0)
    titles, labels = [], []
    for label, nouns in enumerate(kinds.values()):
        for noun in nouns * 4:
            words = [noun, *rng.choice(["red", "blue", "warm", "new", "classic", "x7"], 3)]
            titles.append(" ".join(rng.permutation(words)))
            labels.append(label)
    items = made_items(titles)[["item_id", "title"]]
    loss = learnt(made_encoder(items, shaken=False, ids=False), torch.tensor(labels), steps=120)
    assert loss < 0.01


def test_prices_learn_to_tell_cheap_from_dear():
    items = made_items(["i"] * 40).assign(title=[f"i{n}" for n in range(40)], list_price=np.arange(1.0, 41.0))
    encoder = made_encoder(items[["item_id", "title", "list_price"]], shaken=False, ids=False)
    assert learnt(encoder, (torch.arange(40) >= 20).long(), steps=250, rate=2e-2) < 0.1


def test_dropped_items_teach_content_their_popularity():
    """Items of one word are taken often, those of another hardly; a new item of either word is told apart."""
    items = made_items(["often"] * 10 + ["seldom"] * 10)[["item_id", "title"]]
    known = np.arange(20) % 10 < 9
    encoder = made_encoder(items, known=known, shaken=False, id_dropout=0.3).train()
    counts = torch.where(torch.arange(20) < 10, 20.0, 1.0)
    seen = torch.from_numpy(known)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-2)
    for _ in range(200):
        loss = F.cross_entropy(encoder().bias[seen][None], (counts / counts[seen].sum())[seen][None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    bias = encoder.eval()().bias
    assert bias[9] - bias[19] > 1.0  # log(20) = 3 would be exact


def test_a_picture_changes_the_items_that_have_it_and_no_other():
    content = with_images()
    other = content.images.copy()
    other[1] = 255 - other[1]
    one, two = encoder_of(content).eval(), encoder_of(replace(content, images=other)).eval()
    with torch.no_grad():  # without the common scale, which depends on every picture
        changed = (one.image.features != two.image.features).any(dim=1)
    assert changed.tolist() == [False, True, False, False]
    differ = ~torch.isclose(both(one()), both(two())).all(dim=1)
    assert differ[[1]].all()
    assert not differ[5]  # the item without a picture


def test_pictures_beyond_one_step_are_brought_up_to_date_for_evaluation(monkeypatch):
    monkeypatch.setattr("core.models.image.AT_ONCE", 2)
    encoder = encoder_of(with_images()).train()
    asked = both(encoder.eval()())
    with torch.no_grad():
        for parameter in encoder.image.network.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    encoder.train()
    before = encoder.image.features.clone()
    encoder()
    assert (encoder.image.features != before).any(dim=1).sum() == 2
    fresh = encoder.eval().image._passed(encoder.image.pixels)
    torch.testing.assert_close(encoder.image.features, fresh)
    assert not torch.allclose(both(encoder()), asked)


def test_a_model_of_pictures_and_sentences_is_saved_whole_and_without_pixels():
    content = replace(with_images(), sentences=item_content(made_items(), encode=letters).sentences)
    encoder = encoder_of(content).eval()
    weights = save(encoder.state_dict())
    assert not any("pixels" in name for name in load(weights))
    again = ProductEncoder(ProductShape(**json.loads(json.dumps(asdict(encoder.shape)))))
    again.load_state_dict(load(weights))
    torch.testing.assert_close(both(again.train().eval()()), both(encoder()), rtol=0, atol=0)


def test_pictures_learn_to_tell_the_category():
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 60, (40, 3, 32, 32))
    pixels[np.arange(40), np.arange(40) % 2] += 150  # red ones and green ones
    items = pd.DataFrame({"item_id": np.arange(40).astype(str), "title": np.arange(40).astype(str)})
    content = replace(
        item_content(items), images=pixels.astype(np.uint8), image=np.arange(40, dtype=np.int32)
    )
    loss = learnt(encoder_of(content, shaken=False, ids=False), torch.arange(40) % 2, steps=60)
    assert loss < 0.01


def test_half_precision_around_it_does_not_coarsen_the_items():
    encoder = encoder_of(with_images()).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = both(encoder())
    torch.testing.assert_close(found, both(encoder()), rtol=0, atol=0)


def test_a_catalogue_that_training_does_not_know_is_finite():
    encoder = made_encoder(known=np.zeros(6, bool)).eval()
    torch.testing.assert_close(both(encoder()), both(encoder.content_vectors()), rtol=0, atol=0)


def learnt(encoder: ProductEncoder, target: torch.Tensor, *, steps: int, rate: float = 1e-2) -> float:
    """The loss of telling items' classes from their vectors, after training."""
    head = torch.nn.Linear(encoder.shape.width, int(target.max()) + 1)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=rate)
    for _ in range(steps):
        loss = F.cross_entropy(head(encoder().vectors), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()
