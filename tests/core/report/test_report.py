"""A fairness report of a shop whose names try to be markup: its numbers, its schema, and what it keeps back."""

import json
import shlex
from html.parser import HTMLParser

import jsonschema
import numpy as np
import pytest

from core.cli import main
from core.report.contents import schema
from core.schema.documents import ID_PATTERN
from tests.conftest import copied
from tests.core.workflow.conftest import made_tables, trained_shop

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)> $$x$$ %{x}"
QUICK = ("--set", "draws=200", "--set", "permutations=200")


def hostile_tables():
    """Two sexes, one of which tries to run; three of sex x have no city but their own; ages are numbers."""
    events, users = made_tables()
    users["sex"] = users["sex"].replace({"f": EVIL})
    users["age"] = np.random.default_rng(0).integers(18, 80, len(users))
    users.loc[:2, "sex"] = "x"
    return events, users


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    shop = trained_shop(tmp_path_factory.mktemp("report"), *hostile_tables())
    yield shop
    shop.workspace.close()


def run(root, *arguments) -> int:
    try:
        return main(["--workspace", str(root), *map(str, arguments)])
    except SystemExit as ended:  # argparse
        return ended.code


def deeds(root, capsys) -> list[dict]:
    capsys.readouterr()
    assert run(root, "trail", "--json") == 0
    return json.loads(capsys.readouterr().out)["entries"]


@pytest.fixture(scope="module")
def signed(made, tmp_path_factory):
    """A copy of the shop with a policy that Ann saved and Bob approved, held against test, and a report under it."""
    folder = tmp_path_factory.mktemp("signed")
    root = copied(made.workspace.root, folder / "workspace")
    policy, asked = folder / "policy.yaml", (made.run.id, "--policy")
    policy.write_text("steps:\n- step: propensity\n  settings: {strength: 0.9}\n")
    label = ("--name", "Rare <b>goods", "--aim", "Rare goods are seen", "--author", "Ann")
    assert run(root, "save-policy", *asked, policy, *label) == 0
    assert run(root, "propose", "Rare <b>goods", "--author", "Ann") == 0
    assert run(root, "approve", "Rare <b>goods", "--author", "Bob", "--comment", "fine & good") == 0
    out = folder / "report.html"
    by = ("--by", "sex,age,post*sex")
    assert run(root, "report", *asked, "Rare <b>goods", "--out", out, *by, *QUICK) == 0
    return root, out, json.loads(out.with_suffix(".json").read_text())


class Seen(HTMLParser):
    """What a browser would make of a page: its tags, its texts outside of scripts, its ids and links to them."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.attributes, self.ids, self.links, self.texts, self.code = [], [], set(), set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            self.attributes.append((tag, name))
            if name == "id":
                self.ids.add(value)
            if name == "href":
                self.links.add(value)

    def handle_data(self, data):
        (self.code if self.tags[-1:] == ["script"] else self.texts).append(data)


@pytest.fixture(scope="module")
def seen(signed):
    return Seen(signed[1].read_text())


def test_the_json_fits_its_schema_and_the_schema_refuses_what_does_not(signed):
    _, out, report = signed
    beside = json.loads(out.with_suffix(".schema.json").read_text())
    assert beside == schema()
    assert report["$schema"] == out.with_suffix(".schema.json").name
    jsonschema.validate(report, beside, cls=jsonschema.Draft202012Validator)
    for broken in (
        report | {"verdict": "fair"},
        report | {"split": "train"},
        {name: value for name, value in report.items() if name != "limits"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, beside)


def test_its_rows_are_those_of_the_audit_that_it_names(signed, capsys):
    root, _, report = signed
    command = next(line for line in report["reproduce"] if " audit " in line)
    capsys.readouterr()
    assert run(root, *shlex.split(command)[3:], "--json") == 0
    sections = json.loads(capsys.readouterr().out)
    told = [row for question in report["questions"] for row in question["rows"]]
    for section, rows in sections.items():
        assert [row for row in told if row["section"] == section] == rows
    assert {row["section"] for row in told} == {"users", "exposure"}


def test_every_verdict_stands_on_the_page_with_interval_n_and_correction(signed):
    _, out, report = signed
    page = out.read_text()
    judged = [
        row
        for question in report["questions"]
        for row in question["rows"]
        if row["statistic"] == "gap" and row["verdict"]
    ]
    assert len(judged) > 20
    rows = [line for line in page.split('id="verdicts"')[1].splitlines() if line.startswith("<tr><td>")]
    words = {"unequal": "◆ unequal", "equal_within_tolerance": "● equal", "not_enough_data": "○ not enough"}
    before = sum(row["statistic"] == "gap" and bool(row["verdict"]) for row in report["before"]["rows"])
    assert len(rows) == len(judged) + before
    for verdict, word in words.items():
        expected = sum(
            row["verdict"] == verdict
            for row in [*judged, *report["before"]["rows"]]
            if row["statistic"] == "gap"
        )
        assert sum(word in row for row in rows) == expected
    assert all(row["low"] <= row["value"] <= row["high"] and row["p_adjusted"] is not None for row in judged)


def test_hidden_groups_have_no_number_in_any_file(signed):
    _, out, report = signed
    rows = [row for question in [report["before"], *report["questions"]] for row in question["rows"]]
    hidden = [row for row in rows if row["suppressed"]]
    assert any(row["group"] == "x" for row in hidden)
    numbers = (
        "value",
        "low",
        "high",
        "p_value",
        "p_adjusted",
        "null_low",
        "null_high",
        "more_users",
        "detectable",
    )
    assert all(row[name] is None for row in hidden for name in numbers)
    assert {row["n"] for row in hidden} == {"hidden"}
    groups = [one for one in report["data"]["groups"] if one["hidden"]]
    assert groups
    assert all((one["users"], one["judged"]) == (None, None) for one in groups)
    drawn = [line for line in out.read_text().split("<tr") if line.startswith(' class="hidden"')]
    assert len(drawn) >= len(hidden) / 4
    assert not [line for line in drawn if "[" in line or "±" in line]


def test_text_of_the_data_is_text_on_the_page(signed, seen):
    _, _, report = signed
    assert "img" not in seen.tags
    assert "b" not in seen.tags
    assert not [name for _, name in seen.attributes if name.startswith("on")]
    assert any("<img src=x onerror=alert(1)>" in text for text in seen.texts)
    assert any("Rare <b>goods@1" in text for text in seen.texts)
    assert any("fine & good" in text for text in seen.texts)
    figures = seen.tags.count("figure")
    assert figures >= 4
    assert seen.tags.count("script") == 1 + figures  # the library; of each figure, its settings and its data
    assert not [code for code in seen.code if "alert(1)</script>" in code]
    assert report["policy"]["reference"] == "Rare <b>goods@1"


def test_the_page_stands_alone_and_leads_nowhere_else(seen, signed):
    page = signed[1].read_text()
    head = page.split("</head>")[0]
    assert "default-src 'none'" in head
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(seen.tags)
    assert not [one for one in seen.attributes if one[1] == "src"]
    assert seen.links
    assert {link.removeprefix("#") for link in seen.links} <= seen.ids


def test_the_policy_is_told_with_who_approved_it_and_what_it_costs(signed):
    _, _, report = signed
    policy = report["policy"]
    assert [(one["decided"], one["author"]) for one in policy["decisions"]] == [
        ("proposed", "Ann"),
        ("approved", "Bob"),
    ]
    assert policy["settings"]["steps"][0]["settings"]["strength"] == 0.9
    cost = policy["trade_off"]
    assert cost["split"] == "validation"
    assert cost["gain"] + cost["lose"] + cost["same"] == cost["users"]
    assert policy["served"] is False
    before, after = report["before"]["rows"], report["questions"][0]["rows"]
    assert [row["group"] for row in before] == [row["group"] for row in after]
    assert [row["value"] for row in before] != [row["value"] for row in after]
    assert report["trade_off"]["frontier"]["split"] == "validation"
    assert len(report["trade_off"]["sentences"]) == len(
        report["trade_off"]["frontier"]["points"][0]["standing"]
    )


def test_hashes_are_those_of_the_files(signed):
    import hashlib

    root, _, report = signed
    files = report["data"]["tables"] | report["model"]["artefacts"]
    assert {"events", "users", "weights", "candidates_test"} <= set(files)
    for file in files.values():
        assert hashlib.sha256((root / "artefacts" / file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_the_trail_tells_of_it(signed, capsys):
    root, out, report = signed
    done = deeds(root, capsys)
    assert {one["who"] for one in done if one["did"] == "compared"} == {"the command line"}
    exported = [one for one in done if one["did"] == "exported"]
    assert exported[0]["details"]["file"] == out.name
    assert exported[0]["about"] == {
        "dataset": report["data"]["dataset"],
        "run": report["model"]["run"],
        "policy": report["policy"]["id"],
    }
    assert all(ID_PATTERN.fullmatch(id) for id in exported[0]["about"].values())


def test_without_a_policy_it_is_of_the_models_lists_and_a_served_policy_is_taken_by_itself(
    signed, tmp_path, capsys
):
    source, _, _ = signed
    root = copied(source, tmp_path / "workspace")
    asked = ("report", "run-made", "--by", "sex", *QUICK, "--out")
    assert run(root, *asked, tmp_path / "plain.html") == 0
    plain = json.loads((tmp_path / "plain.json").read_text())
    assert (plain["policy"], plain["before"]) == (None, None)
    assert run(root, "publish", "Rare <b>goods", "--author", "Ann") == 0
    assert run(root, *asked, tmp_path / "served.html") == 0
    served = json.loads((tmp_path / "served.json").read_text())
    assert served["policy"]["served"] is True
    assert served["before"]["rows"] == plain["questions"][0]["rows"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run-made", "--out", "report.pdf"), "must end in .html"),
        (("run-made", "--out", "nowhere/report.html"), "a folder that exists"),
        (("run-none", "--out", "report.html"), "no run 'run-none'"),
        (("run-made", "--out", "report.html", "--by", "height"), "height"),
        (("run-made", "--out", "report.html", "--by", "sex", "--policy", "none such"), "no saved policy"),
        (("run-made", "--out", "report.html", "--by", "sex", "--set", "drows=3"), "'drows' is no setting"),
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(made, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert run(made.workspace.root, "report", *arguments) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert said in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_leaves_the_old_one(signed, tmp_path, capsys):
    root = signed[0]
    (tmp_path / "r.html").mkdir()
    assert run(root, "report", "run-made", "--by", "sex", *QUICK, "--out", tmp_path / "r.html") == 1
    assert "cannot be written" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.part"))


def test_lists_of_another_system_have_a_report_that_says_what_is_not_known(made, tmp_path, capsys):
    root = copied(made.workspace.root, tmp_path / "workspace")
    lists = tmp_path / "lists.csv"
    rows = [f"u{user},i{(user + place) % 12},{place + 1}" for user in range(60) for place in range(6)]
    lists.write_text("\n".join(["user_id,item_id,rank", *rows]))
    assert run(root, "import-lists", made.dataset.id, lists, "--json") == 0
    id = json.loads(capsys.readouterr().out)["run"]
    assert run(root, "report", id, "--by", "sex", *QUICK, "--out", tmp_path / "r.html") == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["model"]["brought"] is True
    assert report["trade_off"] is None
    assert any("is not known here" in line for line in report["limits"])
    assert any("import-lists" in line for line in report["reproduce"])
