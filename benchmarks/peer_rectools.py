"""Train RecTools' SASRec and print its speed; runs in an environment of its own, see peer_training.py.

python peer_rectools.py sequences.csv [--epochs 1] [--threads 2]
"""

import argparse
import json
import resource
import time
import warnings

import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class EpochTimer(Callback):
    """Wall seconds of the training epochs, without building the model and the batches' data set."""

    def __init__(self) -> None:
        self.seconds, self.started, self.loss = 0.0, 0.0, float("nan")

    def on_train_epoch_start(self, trainer, module) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        self.loss = float(outputs["loss"])

    def on_train_epoch_end(self, trainer, module) -> None:
        self.seconds += time.perf_counter() - self.started


def trainer(epochs: int) -> Trainer:
    """RecTools' own default trainer, with a clock."""
    return Trainer(
        max_epochs=epochs,
        min_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[EpochTimer()],
    )


def dataset_of(file: str) -> Dataset:
    events = pd.read_csv(file, parse_dates=["timestamp"])
    return Dataset.construct(
        pd.DataFrame(
            {
                Columns.User: events["user"],
                Columns.Item: events["item"],
                Columns.Weight: 1.0,
                Columns.Datetime: events["timestamp"],
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    dataset = dataset_of(options.file)
    model = SASRecModel(
        n_factors=64,
        n_blocks=2,
        n_heads=1,
        dropout_rate=0.2,
        session_max_len=200,
        batch_size=128,
        loss="softmax",
        lr=1e-3,
        get_trainer_func=trainer,
        get_trainer_func_kwargs={"epochs": options.epochs},
    )
    model.fit(dataset)
    timer = next(part for part in model.fit_trainer.callbacks if isinstance(part, EpochTimer))
    users = dataset.user_id_map.size
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer = {"sequences/s": users * options.epochs / timer.seconds, "loss": timer.loss, "peak MB": megabytes}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
