"""Product images: whatever lies in the folder, small squares come out or the item counts as without one."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.data.content import item_content
from core.data.images import MOST_PIXELS, SIDE, distinct_images, pictures_in, read_images
from core.data.prepare import prepare
from core.schema.settings import DatasetSettings, TrainSettings
from core.workflow.questions import questions


def items_of(*names) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(len(names))],
            "title": "x",
            "image": pd.Series(names, dtype="str"),
        }
    )


def pixels_of(table: pd.DataFrame, item: int) -> np.ndarray:
    return np.frombuffer(table.set_index("item")["image"][item], np.uint8).reshape(3, SIDE, SIDE)


@pytest.fixture
def folder(tmp_path):
    shop = tmp_path / "shop"
    (shop / "pictures").mkdir(parents=True)
    Image.new("RGB", (300, 300), (200, 10, 20)).save(shop / "red.jpg")
    Image.new("RGB", (64, 64), (0, 0, 255)).save(shop / "pictures" / "blue.png")
    Image.new("RGB", (40, 40), (1, 2, 3)).save(tmp_path / "outside.png")
    return shop


def test_images_become_squares_of_their_colours(folder):
    table, notes = read_images(items_of("red.jpg", None, "pictures/blue.png", ""), folder)
    assert table["item"].tolist() == [0, 2]
    assert notes == []
    np.testing.assert_allclose(pixels_of(table, 0).mean(axis=(1, 2)), [200, 10, 20], atol=3)
    assert (pixels_of(table, 2) == np.array([0, 0, 255])[:, None, None]).all()


def test_the_whole_picture_is_kept_on_white(folder):
    Image.new("RGBA", (100, 50), (0, 0, 0, 255)).save(folder / "wide.png")
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(folder / "clear.png")
    table, _ = read_images(items_of("wide.png", "clear.png"), folder)
    wide = pixels_of(table, 0)
    assert (wide[:, : SIDE // 4] == 255).all()
    assert (wide[:, SIDE // 4 : -SIDE // 4] == 0).all()
    assert (wide[:, -SIDE // 4 :] == 255).all()
    assert (pixels_of(table, 1) == 255).all()


def test_nothing_outside_of_the_folder_is_opened(folder, tmp_path):
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "way").symlink_to(tmp_path)
    names = [
        "../outside.png",
        str(tmp_path / "outside.png"),
        "link.png",
        "way/outside.png",
        "file:///etc/passwd",
    ]
    table, notes = read_images(
        items_of(*names, "https://example.org/a.png", "pictures", "a\0b", "x" * 5000), folder
    )
    assert table is None
    assert len(notes) == 1
    assert notes[0].startswith("9 of 9 product images")


def test_broken_and_foreign_files_count_as_no_image(folder):
    whole = (folder / "red.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    noise = np.random.default_rng(0).bytes(2000)
    (folder / "noise.png").write_bytes((folder / "pictures" / "blue.png").read_bytes()[:40] + noise)
    table, notes = read_images(items_of("cut.jpg", "red.jpg", "empty.png", "page.png", "noise.png"), folder)
    assert table["item"].tolist() == [1]
    assert "4 of 5" in notes[0]
    assert "'cut.jpg'" in notes[0]
    assert str(folder) not in notes[0]


def test_an_image_that_unpacks_to_gigabytes_is_not_unpacked(folder):
    Image.new("1", (MOST_PIXELS // 5_000 + 1, 5_000)).save(folder / "bomb.png")
    assert (folder / "bomb.png").stat().st_size < 100_000
    assert read_images(items_of("bomb.png"), folder)[0] is None


def test_tables_without_images_have_none(folder):
    assert read_images(items_of("red.jpg").drop(columns="image"), folder) == (None, [])
    assert read_images(items_of(None, None), folder) == (None, [])


def test_the_pictures_of_a_folder_are_listed_but_nothing_outside_of_it(folder, tmp_path):
    (folder / "way.png").symlink_to(tmp_path / "outside.png")
    (folder / "notes.txt").write_text("no picture")
    assert pictures_in(folder) == [folder / "pictures" / "blue.png", folder / "red.jpg"]


def test_pictures_are_prepared_with_the_data_and_reach_the_model(workspace, folder):
    rows = [
        f"u{user},i{item},2024-01-{day + 1:02}"
        for user in range(9)
        for day, item in enumerate(np.roll([0, 1, 2, 0], user))
    ]
    (folder / "events.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    (folder / "items.csv").write_text("item_id,image\ni0,red.jpg\ni1,pictures/blue.png\ni2,\n")
    settings = DatasetSettings(split="leave_one_out", minimum_item_users=1, minimum_user_events=1)
    dataset = prepare(workspace, "tables", settings, path=folder)
    content = questions(workspace, dataset, TrainSettings())["test"].inputs.content
    assert content.images.shape == (2, 3, SIDE, SIDE)
    assert sorted(content.image.tolist()) == [-1, 0, 1]
    Image.new("RGB", (30, 30), (9, 9, 9)).save(folder / "red.jpg")
    assert prepare(workspace, "tables", settings, path=folder).id != dataset.id


def test_content_holds_each_picture_once(folder):
    Image.open(folder / "pictures" / "blue.png").save(folder / "same.png")
    items = items_of("red.jpg", None, "pictures/blue.png", "same.png", "red.jpg")
    table, _ = read_images(items, folder)
    content = item_content(items, images=table)
    assert content.images.shape == (2, 3, SIDE, SIDE)
    assert content.image[1] == -1
    assert content.image[0] == content.image[4] != content.image[2] == content.image[3]
    assert distinct_images(table, 1)[0].shape[0] == 1
    assert distinct_images(None, 5) == (None, None)
    assert content.first(2).image.tolist() == content.image[:2].tolist()


def test_pictures_are_the_same_after_a_file_of_them(folder, tmp_path):
    table, _ = read_images(items_of("red.jpg", "pictures/blue.png"), folder)
    table.to_parquet(tmp_path / "images.parquet", index=False)
    again = pd.read_parquet(tmp_path / "images.parquet")
    np.testing.assert_array_equal(distinct_images(table, 2)[0], distinct_images(again, 2)[0])
