"""A shop with names for everything, whose codes can be given in any order: the same shop prepared at another time."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.inputs import ModelInputs, model_inputs
from core.data.vocabulary import Vocabulary, vocabulary

BRANDS = ("north", "south", "west")
KINDS = ("purchase", "view", "cart")


@dataclass(frozen=True)
class MadeShop:
    """Attributes: events: `user_id`, `item_id`, `timestamp`, `event`. items: in the order of their codes. users: too."""

    events: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame

    @property
    def inputs(self) -> ModelInputs:
        """What a model knows of all of it."""
        return model_inputs(
            self.coded, self._catalogue, n_users=len(self.users), until="train", users=self.users
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """What the codes stand for."""
        kinds = self.events["event"].cat.categories
        return vocabulary(self._catalogue, self.users, kinds, features=self.users.iloc[:, :0])

    @property
    def coded(self) -> pd.DataFrame:
        """The events of a prepared dataset."""
        table = self.events.assign(
            user=pd.Index(self.users["user_id"]).get_indexer(self.events["user_id"]),
            item=pd.Index(self.items["item_id"]).get_indexer(self.events["item_id"]),
            split=0,
        )
        days = (table["timestamp"] - pd.Timestamp("2024-01-01")).dt.days
        table["basket"] = pd.factorize(table["user"] * 1000 + days, sort=True)[0]
        return table.sort_values(["user", "timestamp", "basket", "item"], ignore_index=True)

    @property
    def _catalogue(self) -> pd.DataFrame:
        return self.items.assign(in_catalogue=True)

    def named(self, lists: pd.DataFrame) -> pd.DataFrame:
        """Lists with names in place of codes, and scores, one row per user and one column per item."""
        named = lists.assign(
            user=self.users["user_id"].to_numpy()[lists["user"]],
            item=self.items["item_id"].to_numpy()[lists["item"]],
        )
        return named.pivot(index="user", columns="item", values="score")

    def shuffled(self, seed: int) -> "MadeShop":
        """The same shop with every code changed."""
        rng = np.random.default_rng(seed)
        items, users = (table.iloc[rng.permutation(len(table))] for table in (self.items, self.users))
        return replace(
            self,
            items=_reordered(items.reset_index(drop=True), rng),
            users=_reordered(users.reset_index(drop=True), rng),
            events=self.events.assign(
                event=self.events["event"].cat.reorder_categories([KINDS[0], *KINDS[:0:-1]])
            ),
        )

    def grown(self, more: int, *, seed: int = 5) -> "MadeShop":
        """With more items, a third of a brand never seen, which nobody took, and more users, who never came."""
        rng, n = np.random.default_rng(seed), len(self.items)
        added = item_table(n + more, rng).iloc[n:]
        brands = ["new", *BRANDS]  # before the others: all codes change
        added["brand"] = np.where(np.arange(more) % 3 == 0, "new", added["brand"].astype(str))
        items = pd.concat([added, self.items.astype({"brand": str})], ignore_index=True)
        items["brand"] = pd.Categorical(items["brand"], brands)
        items["category"] = pd.Categorical(items["category"].astype(str), ["milk", "bread", "Unknown"])
        newcomers = self.users.iloc[:2].assign(user_id=["a new one", "another"])
        users = pd.concat([newcomers, self.users], ignore_index=True)
        users["region"] = users["region"].astype(self.users["region"].dtype)
        return replace(self, items=items, users=users)


def made_shop(*, n_users: int = 30, n_items: int = 24, seed: int = 0) -> MadeShop:
    """Users who take and view items of a few favourites of theirs."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        favourites = rng.choice(n_items, 4, replace=False)
        for day in np.sort(rng.choice(120, rng.integers(3, 15), replace=False)):
            for item in np.unique(rng.choice(favourites if rng.random() < 0.7 else n_items, 2)):
                kind = KINDS[rng.choice(3, p=[0.7, 0.2, 0.1])]
                rows.append(
                    (f"u{user}", f"i{item}", pd.Timestamp("2024-01-01") + pd.Timedelta(days=day), kind)
                )
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event"])
    events["timestamp"] = events["timestamp"].astype("datetime64[us]")
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(n_users)]})
    users["region"] = pd.Categorical(rng.choice(["coast", "hills", "Unknown"], n_users))
    return MadeShop(
        events.assign(event=pd.Categorical(events["event"], KINDS)), item_table(n_items, rng), users
    )


def item_table(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Items with a title, a category, a brand and a price each."""
    categories = np.array(["milk", "bread", "Unknown"])[np.arange(n) % 3]
    adjectives = rng.choice(["fresh", "dark", "organic", "large"], n)
    return pd.DataFrame(
        {
            "item_id": [f"i{number}" for number in range(n)],
            "title": [f"{a} {c}" for a, c in zip(adjectives, categories, strict=True)],
            "category": pd.Categorical(categories, ["milk", "bread", "Unknown"]),
            "brand": pd.Categorical(rng.choice(BRANDS, n), BRANDS),
            "list_price": np.round(rng.lognormal(1, 0.5, n), 2),
        }
    )


def _reordered(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Categories in another order."""
    for name in table.select_dtypes("category"):
        labels = table[name].cat
        table[name] = labels.reorder_categories(rng.permutation(labels.categories))
    return table
