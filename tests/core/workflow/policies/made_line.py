"""Documents of datasets and runs that nothing was prepared or trained for."""

from typing import Any

from core.schema.documents import Artefact, Comparison, Dataset, Run

AT = "2024-01-01T00:00:00+00:00"


def made_dataset(id: str, *, first: str | None = None) -> Dataset:
    """A dataset; of the line that began with `first` if given."""
    lists = {name: [] for name in ("quality", "attributes", "protected")}
    maps = {name: {} for name in ("settings", "counts", "period", "missing", "tables")}
    return Dataset(_id=id, name=id, source="tables", created_at=AT, first=first, **lists, **maps)


def made_run(id: str, dataset: str, *, follows: str | None = None) -> Run:
    """A run on a dataset; begun with the weights of another one if `follows`."""
    maps = {name: {} for name in ("settings", "metrics", "baselines", "artefacts")}
    told = {"name": id, "created_at": AT, "device": "cpu", "device_reason": "", "history": []}
    return Run(_id=id, dataset=dataset, follows=follows, seconds=0, sequences_per_second=0, **told, **maps)


def made_comparison(old: str, new: str, *rows: dict[str, Any], k: int = 10) -> Comparison:
    """A kept comparison of two runs; without rows where none is read."""
    nowhere = Artefact(path="comparisons/none.parquet", sha256="0" * 64, bytes=0)
    told = {"dataset": "ds-made", "created_at": AT, "users": 60, "k": k, "notes": []}
    id = f"comparison-{old}-{new}"
    return Comparison(_id=id, old=old, new=new, rows=list(rows), per_user=nowhere, **told)
