"""A file of rules is read as it is meant, or refused with one sentence that names the mistake."""

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.workflow.rules_file import read_rules

RULE = """
- name: Ranking of age groups
  owner: ann@shop.example
  section: users
  metric: ndcg@10
  grouping: age
  at_least: -0.05
"""


@pytest.fixture
def read(tmp_path):
    """The rules of a text."""

    def from_text(text):
        file = tmp_path / "rules.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_rules(file)

    return from_text


@pytest.fixture
def refused(read):
    """The sentence by which a text is refused."""

    def sentence(text):
        with pytest.raises(SettingsError) as caught:
            read(text)
        said = str(caught.value)
        assert "\n" not in said
        assert said.startswith("rules.yaml")
        assert len(said) < 600
        return said

    return sentence


def test_defaults_are_on_the_side_of_caution(read):
    (rule,) = read(f"rules:{RULE}").rules
    assert (rule.statistic, rule.judge, rule.if_unknown) == ("gap", "surely", "fail")
    assert (rule.at_least, rule.at_most, rule.group) == (-0.05, None, None)


def test_settings_of_the_audit_stand_beside_the_rules(read):
    assert read(f"audit: {{k: 20}}\nrules:{RULE}").audit == {"k": 20}


def test_json_is_read_too(read):
    text = '{"rules": [{"name": "a", "owner": "b", "section": "pricing", "metric": "discount_gap", "grouping": "age", "at_most": 1}]}'
    assert read(text).rules[0].at_most == 1.0


CHANGES = [
    (
        "at_least",
        "at_leest",
        "rule 1 'Ranking of age groups': 'at_leest' is no field of a rule; there are name",
    ),
    ("section: users", "section: user", "'section' is 'user': Input should be 'users', 'exposure'"),
    ("metric: ndcg@10", "metric: ndcg@10\n  statistic: gapp", "'statistic' is 'gapp'"),
    ("  grouping: age\n", "", "'grouping' is missing"),
    ("owner: ann@shop.example\n", "owner: ''\n", "'owner' is ''"),
    ("name: Ranking of age groups", 'name: "a\\u0007b"', "'name'"),
    ("name: Ranking of age groups", "name: 7", "'name' is 7"),
    ("at_least: -0.05", "at_least: a lot", "'at_least' is 'a lot': Input should be a valid number"),
    ("at_least: -0.05", "at_least: '0.1'", "'at_least' is '0.1'"),
    ("at_least: -0.05", "at_least: true", "'at_least' is True"),
    ("at_least: -0.05", "at_least: .nan", "finite number"),
    ("at_least: -0.05", "at_least: -.inf", "finite number"),
    ("at_least: -0.05", "at_least: [1]", "'at_least': Input should be a valid number"),
    ("at_least: -0.05", f"at_least: 0x{'F' * 9000}", "'at_least': Input should be a valid number"),
    ("at_least: -0.05", "at_least:", "has no limit"),
    ("at_least: -0.05", "at_least: 0.2\n  at_most: 0.1", "nothing can keep it"),
    ("at_least: -0.05", "at_least: -0.05\n  at_least: -0.5", "a key is written twice"),
    ("at_least: -0.05", "at_least: -0.05\n  judge: maybe", "'judge' is 'maybe'"),
    ("at_least: -0.05", "at_least: -0.05\n  if_unknown: ignore", "'if_unknown' is 'ignore'"),
    ("at_least: -0.05", "at_least: -0.05\n  group: 2020-01-01", "'group'"),
]


@pytest.mark.parametrize(("good", "bad", "said"), CHANGES, ids=[bad[:30] for _, bad, _ in CHANGES])
def test_a_mistake_in_a_rule_is_named(refused, good, bad, said):
    assert good in RULE
    assert said in refused(f"rules:{RULE.replace(good, bad)}")


FILES = [
    ("", "holds no rules"),
    ("7", "holds no rules"),
    ("- a\n- b", "holds no rules"),
    ("rules: []", "there is no rule"),
    ("rules:", "there is no rule"),
    ("rules: {a: 1}", "there is no rule"),
    ("rules: [7]", "rule 1: that is no rule"),
    ("audit: {}", "'rules' is missing"),
    (f"rulez: 1\nrules:{RULE}", "'rulez' is no field of a file of rules"),
    (f"audit: 7\nrules:{RULE}", "'audit' is 7"),
    (f"rules:{RULE}{RULE}", "two rules are called 'Ranking of age groups'"),
    ("rules: [", "line 1: no YAML"),
    ("rules: [1\n- b", "no YAML"),
    ("[" * 5000, "no YAML"),
    ("a: \x00", "no YAML"),
    ("rules: !!python/name:os.system", "no YAML"),
    ("rules: !!set {a}", "rule 1: that is no rule"),
    ("a: 1\n---\nb: 2", "no YAML"),
    ("rules: 2024-13-45", "no YAML"),
    (b"rules: \xff\xfe\xfa", "no UTF-8"),
    ("rules: *nowhere", "aliases are not allowed"),
    (
        "a: &a [x, x]\nb: &b [*a, *a]\nrules: [*b]",
        "line 2: no YAML that can be read here (aliases are not allowed)",
    ),
    ("? [a]\n: 1", "no YAML"),
    ("rules: " + "x" * 300_000, "larger than 256 KiB"),
]


@pytest.mark.parametrize(("text", "said"), FILES, ids=[str(text)[:24] for text, _ in FILES])
def test_what_is_no_file_of_rules_is_refused(refused, text, said):
    assert said in refused(text)


def test_a_file_of_ten_megabytes_is_not_read_to_its_end(refused):
    assert "larger than 256 KiB" in refused("# " + "x" * 10_000_000)


def test_a_file_that_is_none_is_one_sentence(tmp_path):
    for path in (tmp_path / "absent.yaml", tmp_path, tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_rules(path)


def test_the_example_of_the_documentation_is_read(read):
    text = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text()
    first, second = read(text.split("```yaml\n")[1].split("```")[0]).rules
    assert (first.judge, first.if_unknown) == ("surely", "fail")
    assert (second.judge, second.if_unknown, second.group) == ("not_surely_broken", "pass", "19-24")
