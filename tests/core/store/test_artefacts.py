"""Artefacts come back as written, or with one clear error."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import CorruptArtefact, InputError, StoreError
from core.schema.documents import Artefact
from core.store import artefacts as module
from core.store.artefacts import ArtefactStore, sha256

FRAME = pd.DataFrame(
    {
        "user": np.arange(5, dtype=np.int32),
        "score": np.array([0.5, np.nan, -1.0, 0.0, 2.0], dtype=np.float32),
        "timestamp": pd.date_range("2017-01-01", periods=5).astype("datetime64[us]"),
        "age": pd.Categorical(["a", "b", "a", "Unknown", "b"]),
        "title": ["x", "é", "=1+1", "", "<b>"],
    }
)


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path)


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_table_comes_back_with_its_types(store: ArtefactStore):
    artefact = store.write_table("datasets/dataset-a/events.parquet", FRAME)
    pd.testing.assert_frame_equal(store.read_table(artefact), FRAME)


def test_only_the_columns_asked_for_are_read(store: ArtefactStore):
    artefact = store.write_table("datasets/dataset-a/events.parquet", FRAME)
    assert list(store.read_table(artefact, ["title", "user"]).columns) == ["title", "user"]


def test_tensors_come_back_with_types_and_metadata(store: ArtefactStore):
    tensors = {
        "weight": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3).T,  # not contiguous
        "codes": np.array([1, 2], dtype=np.int32),
    }
    artefact = store.write_tensors("runs/run-a/weights.safetensors", tensors, {"settings": '{"a": 1}'})
    read = store.read_tensors(artefact)
    assert torch.equal(read["weight"], tensors["weight"])
    assert read["weight"].dtype == torch.bfloat16
    assert read["codes"].tolist() == [1, 2]
    assert store.read_metadata(artefact) == {"settings": '{"a": 1}'}


def test_json_comes_back_and_refuses_nan(store: ArtefactStore, tmp_path: Path):
    assert store.read_json(store.write_json("runs/run-a/notes.json", {"é": [1, None]})) == {"é": [1, None]}
    before = files(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json("runs/run-a/other.json", float("nan"))
    assert files(tmp_path) == before


def test_the_reference_holds_hash_and_size_of_the_file(store: ArtefactStore):
    artefact = store.write_table("runs/run-a/per_user_test.parquet", FRAME)
    path = store.file(artefact)
    assert (artefact.sha256, artefact.bytes) == (sha256(path), path.stat().st_size)
    assert artefact.path.startswith("runs/run-a/per_user_test.")


def test_writing_again_leaves_the_older_file_to_its_readers(store: ArtefactStore):
    older = store.write_table("runs/run-a/per_user.parquet", FRAME)
    newer = store.write_table("runs/run-a/per_user.parquet", FRAME.assign(user=9))
    assert older.path != newer.path
    pd.testing.assert_frame_equal(store.read_table(older), FRAME)
    assert store.write_table("runs/run-a/per_user.parquet", FRAME) == older


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("kind", ["table", "tensors", "json"])
def test_a_damaged_file_is_one_clear_error_even_after_a_good_read(store: ArtefactStore, damage, kind: str):
    write, read, name, value = {
        "table": (store.write_table, store.read_table, "events.parquet", (FRAME,)),
        "tensors": (store.write_tensors, store.read_tensors, "weights.safetensors", ({"a": np.ones(9)}, {})),
        "json": (store.write_json, store.read_json, "notes.json", ({"a": "b" * 50},)),
    }[kind]
    artefact = write(f"runs/run-a/{name}", *value)
    read(artefact)
    damage(store.file(artefact))
    with pytest.raises(CorruptArtefact, match="Prepare or train again"):
        read(artefact)


def test_a_verified_file_is_not_hashed_again_until_it_changes(store: ArtefactStore, monkeypatch):
    artefact = store.write_table("runs/run-a/per_user.parquet", FRAME)
    hashed = []
    monkeypatch.setattr(module, "sha256", lambda path: hashed.append(path) or artefact.sha256)
    for _ in range(3):
        store.read_table(artefact)
    assert len(hashed) == 1
    os.utime(store.file(artefact), (1, 1))
    store.read_table(artefact)
    assert len(hashed) == 2


@pytest.mark.parametrize(
    "path",
    ["../events.parquet", "/etc/passwd", "a/../../b.parquet", "a//b", "", ".", "..", "a\0b", "a%2e%2e/b",
     "A/b.parquet", "a/.hidden", "a b", "a\n", "a/b/", "~root/x"],
)  # fmt: skip
def test_paths_that_are_not_plain_are_refused(store: ArtefactStore, tmp_path: Path, path: str):
    with pytest.raises(InputError):
        store.write_json(path, 1)
    with pytest.raises(InputError):
        store.file(Artefact(path=path, sha256="0" * 64, bytes=1))
    assert files(tmp_path) == []


def test_links_out_of_the_root_are_refused(store: ArtefactStore, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text("1")
    (tmp_path / "artefacts").mkdir()
    (tmp_path / "artefacts" / "runs").symlink_to(outside)
    with pytest.raises(InputError):
        store.write_json("runs/notes.json", 1)
    with pytest.raises(InputError):
        store.file(Artefact(path="runs/secret.json", sha256=sha256(outside / "secret.json"), bytes=1))


def test_a_write_that_fails_leaves_nothing_behind(store: ArtefactStore, tmp_path: Path, monkeypatch):
    kept = store.write_table("runs/run-a/per_user.parquet", FRAME)
    before = files(tmp_path)

    def full(*_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("_sync", "sha256"):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(StoreError, match="No space left on device"):
                store.write_table("runs/run-a/per_user.parquet", FRAME.assign(user=3))
        assert files(tmp_path) == before
    pd.testing.assert_frame_equal(store.read_table(kept), FRAME)


def test_a_guard_prevents_a_file_from_appearing(store: ArtefactStore, tmp_path: Path):
    def refuse() -> None:
        raise InputError("not yours any more")

    with pytest.raises(InputError, match="not yours"):
        store.guarded(refuse).write_json("runs/run-a/notes.json", 1)
    assert files(tmp_path) == []


WRITER = """
import sys, numpy
from pathlib import Path
from core.store.artefacts import ArtefactStore
store = ArtefactStore(Path(sys.argv[1]))
for n in range(10_000):
    print(store.write_tensors(f"runs/run-{n}/w.safetensors", {"a": numpy.full(2**18, n)}, {}).model_dump_json(), flush=True)
"""


def test_a_killed_writer_leaves_only_whole_files_and_its_leftover_is_swept(tmp_path: Path):
    for pause in (0.0, 0.013, 0.031):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
        first = writer.stdout.readline()
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        lines = (first + writer.stdout.read()).splitlines()
        writer.wait()
        store = ArtefactStore(tmp_path)
        for line in lines:
            store.read_tensors(Artefact.model_validate_json(line))
        for path in files(tmp_path / "artefacts"):  # also those never acknowledged
            assert path.name.split(".")[1] == sha256(path)[:16]
    leftover = tmp_path / "temporary" / "half"
    leftover.write_text("half")
    store.sweep()
    assert leftover.exists()  # its writer may be alive
    for path in files(tmp_path / "temporary"):
        os.utime(path, (1, 1))
    store.sweep()
    assert files(tmp_path / "temporary") == []


def test_scratch_survives_until_discarded(store: ArtefactStore, tmp_path: Path):
    (store.scratch("job-a") / "checkpoint").write_text("1")
    assert (ArtefactStore(tmp_path).scratch("job-a") / "checkpoint").read_text() == "1"
    store.discard_scratch("job-a")
    store.discard_scratch("job-a")
    assert files(tmp_path) == []
    with pytest.raises(InputError):
        store.scratch("../job")
