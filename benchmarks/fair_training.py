"""What each fairness intervention before and in training does to its own target, and what it costs in NDCG@10.

python benchmarks/fair_training.py complete_journey [--seeds N] [--out FILE] [--set KEY=VALUE ...]
python benchmarks/fair_training.py movielens --path FOLDER [--only NAME ...]

Every line of FILE is one training: its weights, and of every measure `value`, and `change` against the same seed
without the intervention with `low` and `high`, 95 % intervals paired over users of the test split. Lines that are
there already are not measured again. `--table` prints the Markdown of docs/interventions.md from FILE.
All trainings, the one without any intervention too, are of one stage, for fairness in training has no second.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure  # noqa: F401  puts the repository on the path
import numpy as np
import torch
import yaml

from core.data.fair_groups import FairGroups
from core.data.inputs import Positives
from core.data.prepare import prepare
from core.metrics import NOTHING, per_user_metrics
from core.models.batch import collate
from core.models.history import History, index_history
from core.models.scoring import moments_at_once, past_of, scores
from core.schema.documents import Dataset
from core.schema.settings import DatasetSettings, TrainSettings, settings_from
from core.store.workspace import Workspace
from core.train.fairness.probe import NORMAL_95, probe
from core.train.fit import TrainedModel, fit
from core.workflow.questions import material_of

K, DRAWS, FIRST_SEED = 10, 400, 7
BASE, READS = "none", "protected_inputs"
DATA = {
    "complete_journey": ({}, {"fair_attribute": "age", "epochs": 2}),
    "movielens": (
        {"split": "leave_one_out", "minimum_item_users": 0},
        {"fair_attribute": "gender", "epochs": 4, "width": 64, "history_length": 128},
    ),
}
# Measures about everybody's groups: exposure and diversity need their item groups, at a weight that changes nothing.
MEASURED = {"exposure_weight": 1e-9, "diversity_weight": 1e-9}
ALONE = {"ranking": False, "models": ()}
NEXT_ONLY = {"next_item_weight": 0.0}


@dataclass(frozen=True)
class Variant:
    """Settings of a training, what they are to move, and which training they are compared with."""

    settings: dict[str, Any]
    targets: tuple[str, ...]
    base: str = BASE


VARIANTS = {
    BASE: Variant({}, ()),
    "adversary 1": Variant({"adversary_weight": 1.0}, ("probe_state", "probe_u")),
    "adversary 3": Variant({"adversary_weight": 3.0}, ("probe_state", "probe_u")),
    "exposure .3": Variant({"exposure_weight": 0.3}, ("exposure_kl", "tail_top10")),
    "exposure 1": Variant({"exposure_weight": 1.0}, ("exposure_kl", "tail_top10")),
    "diversity 1": Variant({"diversity_weight": 1.0}, ("diversity", "diversity_top10")),
    "diversity 5": Variant({"diversity_weight": 5.0}, ("diversity", "diversity_top10")),
    "loss gap 1": Variant({"loss_gap_weight": 1.0}, ("loss_gap", "ndcg_gap")),
    "loss gap 5": Variant({"loss_gap_weight": 5.0}, ("loss_gap", "ndcg_gap")),
    "mindiff 10": Variant({"mindiff_weight": 10.0}, ("mmd", "loss_gap")),
    "mindiff 50": Variant({"mindiff_weight": 50.0}, ("mmd", "loss_gap")),
    "group DRO 1": Variant({"group_dro_weight": 1.0}, ("worst_loss", "worst_ndcg")),
    "group DRO alone": Variant({"group_dro_weight": 1.0, **NEXT_ONLY}, ("worst_loss", "worst_ndcg")),
    "worst group 1": Variant({"worst_group_weight": 1.0}, ("worst_loss", "worst_ndcg")),
    "inverse propensity": Variant({"item_weights": "inverse_propensity"}, ("tail_top10", "popularity_top10")),
    "popularity balanced": Variant(
        {"item_weights": "popularity_balanced"}, ("tail_top10", "popularity_top10")
    ),
    "reweighing": Variant({"user_weights": "reweighing"}, ("loss_gap", "ndcg_gap")),
    "group balanced": Variant({"user_weights": "group_balanced"}, ("worst_loss", "worst_ndcg")),
    READS: Variant({"protected_inputs": True}, ()),
    "counterfactual .5": Variant(
        {"protected_inputs": True, "counterfactual": 0.5}, ("flip_change", "flip_loss"), READS
    ),
    "decorrelate": Variant({"decorrelate": True}, ("probe_state", "probe_u")),
}


@dataclass(frozen=True)
class Answers:
    """What a trained model says to the test users; (U, ...) in one order for all models of a dataset."""

    users: np.ndarray
    groups: np.ndarray  # 0: none
    ndcg: np.ndarray
    loss: np.ndarray
    items: np.ndarray  # (U, H), attention
    categories: np.ndarray  # (U, C)
    top_items: np.ndarray  # (U, H), of the first K by log discount
    top_categories: np.ndarray
    popularity: np.ndarray
    flipped: np.ndarray  # share of the first K that differs when another group is read
    flip_loss: np.ndarray  # distance of attention over item groups to that with another group
    u: np.ndarray
    state: np.ndarray


@torch.inference_mode()
def asked(
    trained: TrainedModel, history: History, answers: Positives, groups, *, column: int | None
) -> Answers:
    """Answers of every user with positives and a history."""
    model, task = trained.model.eval(), trained.task
    users = np.flatnonzero((np.diff(answers.offsets) > 0) & (history.tokens > 0))
    counts = np.bincount(history.items, minlength=history.n_items)
    items, categories = torch.from_numpy(groups.items), torch.from_numpy(groups.categories)
    discount = 1 / np.log2(np.arange(2, K + 2))
    products, found = model.product(), []
    for start in range(0, len(users), at_once := min(128, moments_at_once(history.n_items))):
        here = users[start : start + at_once]
        moments = history.now(here, at_last_event=task.predict == "next")
        batch = collate(history, moments, length=model.shape.length, past=past_of(model, task))

        def shares(batch):
            answer = model(batch, products)
            dense = scores(answer, batch)
            if task.exclude_seen:
                dense[batch.seen.moments, batch.seen.items] = -torch.inf
            return dense.log_softmax(dim=1), answer

        logs, answer = shares(batch)
        top = logs.topk(K, dim=1).indices
        row = {
            "items": _summed(logs.exp(), items),
            "categories": _summed(logs.exp(), categories),
            "top": top.numpy(),
            "u": answer.users.numpy(),
            "state": answer.states.numpy(),
            "loss": [
                -logs[place, torch.from_numpy(_positives(answers, user))].clamp(min=-30).mean().item()
                for place, user in enumerate(here)
            ],
            "flipped": np.zeros(len(here)),
            "flip_loss": np.zeros(len(here)),
        }
        if column is not None:
            codes = np.unique(groups.users[groups.users > 0])
            changed = batch.user_attributes.clone()
            own = changed[:, column].numpy()
            place = np.searchsorted(codes, own) % len(codes)
            known = np.isin(own, codes)
            changed[known, column] = torch.from_numpy(codes[(place + 1) % len(codes)][known])
            other, _ = shares(type(batch)(**{**vars(batch), "user_attributes": changed}))
            kept = (
                (other.topk(K, dim=1).indices[:, :, None] == top[:, None, :]).any(dim=1).float().mean(dim=1)
            )
            row["flipped"] = 1 - kept.numpy()
            row["flip_loss"] = (other.exp() - logs.exp()).abs().sum(dim=1).numpy() / 2
        found.append(row)
    joined = {name: np.concatenate([np.asarray(row[name]) for row in found]) for name in found[0]}
    ranked = np.full((history.n_users, K), NOTHING, np.int32)
    ranked[users] = top = joined.pop("top")
    metrics = per_user_metrics(ranked, answers.offsets, answers.items, (K,)).loc[users]
    weights = discount / discount.sum()
    return Answers(
        users=users,
        groups=groups.users[users],
        ndcg=metrics[f"ndcg@{K}"].to_numpy(),
        top_items=_listed(groups.items[top], weights),
        top_categories=_listed(groups.categories[top], weights),
        popularity=np.log(np.maximum(counts, 1))[top] @ weights,
        **joined,
    )


def trained_answers(
    workspace: Workspace, dataset: Dataset, settings: TrainSettings, groups: FairGroups
) -> tuple[Answers, dict[str, Any]]:
    """What a model trained with these settings says on the test split, and how its training went."""
    began = time.monotonic()
    material = material_of(workspace, dataset, settings)
    validation, test = material.question("validation"), material.question("test")
    trained = fit(validation.inputs, validation.positives, settings)
    names = list(test.inputs.user_attributes)
    column = names.index(groups.attribute) if groups.attribute in names else None
    found = asked(trained, index_history(test.inputs), test.positives, groups, column=column)
    return found, {
        "seconds": round(time.monotonic() - began, 1),
        "sequences_per_second": round(trained.sequences_per_second, 1),
        "losses": trained.history[-1].losses,
        "epochs": [epoch.validation_ndcg for epoch in trained.history],
    }


def _positives(answers: Positives, user: int) -> np.ndarray:
    return answers.items[answers.offsets[user] : answers.offsets[user + 1]].astype(np.int64)


def _summed(shares: torch.Tensor, codes: torch.Tensor) -> np.ndarray:
    return torch.zeros(len(shares), int(codes.max()) + 1).index_add(1, codes, shares).numpy()


def _listed(codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    found = np.zeros((len(codes), codes.max() + 1))
    for place, weight in enumerate(weights):
        np.add.at(found, (np.arange(len(codes)), codes[:, place]), weight)
    return found


def _entropy(shares: np.ndarray) -> np.ndarray:
    return -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1)


def _group_means(values: np.ndarray, a: Answers, w: np.ndarray) -> np.ndarray:
    names = np.unique(a.groups[a.groups > 0])
    return np.array([np.average(values[a.groups == n], weights=w[a.groups == n] + 1e-9) for n in names])


def _mad(means: np.ndarray) -> float:
    one, other = np.triu_indices(len(means), 1)
    return float(np.abs(means[one] - means[other]).mean())


def _kl(shares: np.ndarray, target: np.ndarray, w: np.ndarray) -> float:
    mean = np.average(shares, axis=0, weights=w)[1:]
    mean, target = mean / mean.sum(), target[1:]
    there = target > 0
    return float((target[there] * np.log(target[there] / np.maximum(mean[there], 1e-9))).sum())


Statistic = Callable[[Answers, np.ndarray], float]


def measures(base: Answers, target: np.ndarray, tail: int) -> dict[str, Statistic]:
    """Each measure as a function of the answers and of what each user counts for."""
    known = base.groups > 0
    names = np.unique(base.groups[known])
    losses, ndcgs = (_group_means(v, base, np.ones(len(base.users))) for v in (base.loss, base.ndcg))
    worst = base.groups == names[losses.argmax()]
    lowest = base.groups == names[ndcgs.argmin()]
    rng = np.random.default_rng(0)
    frequencies, phases = rng.normal(size=128), rng.uniform(0, 2 * np.pi, 128)
    spread = base.loss[known].std()

    def mmd(a: Answers, w: np.ndarray) -> float:
        waves = np.cos(a.loss[:, None] / spread * frequencies + phases)  # random Fourier features
        apart = []
        for name in names:
            inside = (a.groups == name) * w
            others = (known & (a.groups != name)) * w
            apart.append(2 * np.mean((inside @ waves / inside.sum() - others @ waves / others.sum()) ** 2))
        return float(np.mean(apart))

    def mean(of: Callable[[Answers], np.ndarray], rows=None) -> Statistic:
        where = np.ones(len(base.users), bool) if rows is None else rows
        return lambda a, w: float(np.average(of(a)[where], weights=w[where] + 1e-9))

    return {
        "ndcg": mean(lambda a: a.ndcg),
        "loss": mean(lambda a: a.loss),
        "exposure_kl": lambda a, w: _kl(a.items, target, w),
        "tail_attention": mean(lambda a: a.items[:, tail]),
        "tail_top10": mean(lambda a: a.top_items[:, tail] if a.top_items.shape[1] > tail else a.ndcg * 0),
        "popularity_top10": mean(lambda a: a.popularity),
        "diversity": mean(lambda a: _entropy(a.categories)),
        "diversity_top10": mean(lambda a: _entropy(a.top_categories)),
        "loss_gap": lambda a, w: _mad(_group_means(a.loss, a, w)),
        "ndcg_gap": lambda a, w: _mad(_group_means(a.ndcg, a, w)),
        "worst_loss": mean(lambda a: a.loss, worst),
        "worst_ndcg": mean(lambda a: a.ndcg, lowest),
        "mmd": mmd,
        "flip_change": mean(lambda a: a.flipped, known),
        "flip_loss": mean(lambda a: a.flip_loss, known),
    }


def compared(a: Answers, base: Answers, groups: FairGroups) -> dict[str, dict[str, float]]:
    """Value of every measure, and its change against the base, with the standard error of a bootstrap over users.

    The interval lies around the change itself, for the gaps of a bootstrap's draws are larger than the sample's. AUC by
    DeLong.
    """
    counts = np.bincount(groups.items).astype(float)
    target, tail = counts / counts.sum(), int(counts[1:].argmax()) + 1
    rng = np.random.default_rng(11)
    draws = rng.multinomial(len(a.users), np.full(len(a.users), 1 / len(a.users)), size=DRAWS).astype(float)
    everyone, found = np.ones(len(a.users)), {}
    for name, statistic in measures(base, target, tail).items():
        changes = [statistic(a, w) - statistic(base, w) for w in draws]
        value = statistic(a, everyone)
        found[name] = _around(value, value - statistic(base, everyone), NORMAL_95 * np.std(changes))
    known = a.groups > 0
    for name in ("u", "state"):
        one, other = (probe(getattr(x, name)[known], a.groups[known], seed=0) for x in (a, base))
        reach = NORMAL_95 * np.sqrt(np.mean((one.influence - other.influence) ** 2) / known.sum())
        found[f"probe_{name}"] = _around(one.auc, one.auc - other.auc, reach)
    return {name: {part: float(number) for part, number in row.items()} for name, row in found.items()}


def _around(value: float, change: float, reach: float) -> dict[str, float]:
    return {"value": value, "change": change, "low": change - reach, "high": change + reach}


WORDS = {
    "probe_state": "AUC of a fresh probe on the state",
    "probe_u": "AUC of a fresh probe on U",
    "exposure_kl": "KL of attention from the catalogue's shares",
    "tail_top10": "share of the tail in the top 10",
    "popularity_top10": "log popularity in the top 10",
    "diversity": "entropy of attention over categories",
    "diversity_top10": "entropy of the top 10 over categories",
    "loss_gap": "mean difference between groups' losses",
    "ndcg_gap": "mean difference between groups' NDCG@10",
    "mmd": "MMD^2 between groups' scores",
    "worst_loss": "loss of the worst group",
    "worst_ndcg": "NDCG@10 of the worst group",
    "flip_change": "share of the top 10 changed by another group's attribute",
    "flip_loss": "attention moved by another group's attribute",
}


def table(lines: list[dict]) -> str:
    """Markdown of what every intervention does to its targets and to NDCG@10; seeds of one intervention follow."""
    rows = [
        "| intervention | target | without | change | moved | NDCG@10 | change |",
        "|" + " --- |" * 7,
    ]
    order = {name: place for place, name in enumerate(VARIANTS)}
    for line in sorted(lines, key=lambda line: (order[line["variant"]], line["seed"])):
        ndcg = line["measures"]["ndcg"]
        for target in line["targets"]:
            found = line["measures"][target]
            moved = "yes" if found["low"] > 0 or found["high"] < 0 else "no"
            rows.append(
                f"| {line['variant']}, seed {line['seed']} | {WORDS[target]} | "
                f"{found['value'] - found['change']:.4f} | {_interval(found)} | {moved} | {ndcg['value']:.4f} | "
                f"{_interval(ndcg)} |"
            )
    return "\n".join(rows)


def _interval(row: dict) -> str:
    return f"{row['change']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", choices=list(DATA))
    parser.add_argument("--path", type=Path)
    parser.add_argument("--workspace", default="var/fair_training")
    parser.add_argument("--out", type=Path, default=Path("fair_training.jsonl"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    lines = (
        [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    )
    if options.table:
        print(table([line for line in lines if line["data"] == options.source]))
        return
    data, train = DATA[options.source]
    train = train | {
        key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in options.set)
    }
    workspace = Workspace.open(options.workspace)
    dataset = prepare(workspace, options.source, settings_from(DatasetSettings, data), path=options.path)
    done = {(line["data"], line["variant"], line["seed"]) for line in lines}
    groups = material_of(workspace, dataset, settings_from(TrainSettings, {**train, **MEASURED})).groups
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        for name in options.only:
            if (options.source, name, seed) in done:
                continue
            variant = VARIANTS[name]

            def answers_of(name: str, seed: int = seed) -> tuple[Answers, dict]:
                kept = options.out.with_suffix(f".{options.source}-{name}-{seed}.npz")
                if kept.exists():
                    return Answers(**np.load(kept)), {}
                values = {**ALONE, **train, **VARIANTS[name].settings, "seed": seed}
                found, about = trained_answers(
                    workspace, dataset, settings_from(TrainSettings, values), groups
                )
                if name in (BASE, READS):
                    np.savez(kept, **vars(found))
                return found, about

            base, _ = answers_of(variant.base)
            found, about = answers_of(name)
            told = compared(found, base, groups)
            line = {
                "data": options.source,
                "variant": name,
                "seed": seed,
                "settings": {**train, **variant.settings},
                "targets": list(variant.targets),
                "base": variant.base,
                "users": len(found.users),
                "interval": "normal",
                **about,
                "measures": told,
            }
            with options.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(name, seed, {n: _interval(told[n]) for n in (*variant.targets, "ndcg")}, flush=True)


if __name__ == "__main__":
    main()
