"""Product evaluations with what they rest on, from a made shop whose reviews speak in planted words."""

import pandas as pd
import pytest

from core.data.dataset import table
from core.opinions.claims import AspectClaim, RatingClaim
from core.schema.settings import TrainSettings
from core.workflow.evaluating import opinions_chapter
from core.workflow.showing_product import CITATION, shown_evaluation
from tests.core.workflow.made_runs import run_with
from tests.core.workflow.test_evaluating import codes, prepared_shop


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    made = prepared_shop(tmp_path_factory.mktemp("shown"))
    yield made
    made.workspace.close()


@pytest.fixture(scope="module")
def run(written):
    chapter = opinions_chapter(written.workspace, written.dataset, TrainSettings())
    return run_with(written.workspace, written.dataset, chapter.tables, chapter.reports)


@pytest.fixture(scope="module")
def shown(written, run):
    [user], [item] = codes(written, "user_id", "u40"), codes(written, "item_id", "i2")
    return shown_evaluation(written.workspace, run, user=user, item=item)


def test_every_sentence_has_a_row_for_each_review_that_it_cites(shown):
    sentences = shown.evaluation.text.sentences
    assert len(shown.citations) == len(sentences) > 1
    for sentence, citations in zip(sentences, shown.citations, strict=True):
        assert list(citations) == list(CITATION)
        assert sorted(citations["review"]) == sorted(sentence.cited)
        quoted = [quote.review for quote in sentence.quotes]
        assert citations["review"].tolist()[: len(quoted)] == list(dict.fromkeys(quoted))


def test_passages_are_words_of_the_review_about_the_aspect(written, shown):
    reviews = table(written.workspace, written.dataset, "reviews")
    nouns = {"fit": "fit", "quality": "fabric", "colour": "colour", "price": "price"}
    checked = 0
    for sentence, citations in zip(shown.evaluation.text.sentences, shown.citations, strict=True):
        if isinstance(sentence.claim, AspectClaim):
            for row in citations.itertuples():
                assert row.passage in reviews["text"][row.review]
                assert nouns[sentence.claim.aspect] in row.passage
                checked += 1
    assert checked > 10


def test_the_side_of_each_review_is_the_one_the_sentence_counts_it_on(shown):
    for sentence, citations in zip(shown.evaluation.text.sentences, shown.citations, strict=True):
        told = citations["says"].value_counts().to_dict()
        if isinstance(sentence.claim, RatingClaim):
            assert told == {"rates it": len(sentence.cited)}
        if isinstance(sentence.claim, AspectClaim):
            assert told.get("praises it", 0) == len(sentence.claim.praising)
            assert told.get("criticises it", 0) == len(sentence.claim.criticising)


def test_the_share_of_an_aspect_stands_in_its_interval_with_the_reviews_of_people_alike(written, shown):
    reviews = table(written.workspace, written.dataset, "reviews")
    written_by = int(shown.evaluation.like.holds(reviews["user"]).sum())
    assert (shown.aspects["n"] == written_by).all()
    assert (shown.aspects["low"] <= shown.aspects["value"]).all()
    assert (shown.aspects["value"] <= shown.aspects["high"]).all()


def test_addresses_in_reviews_are_masked_in_passages(tmp_path):
    made = prepared_shop(tmp_path, title="write to a.person@example.com or https://example.com/x")
    run = run_with(made.workspace, made.dataset, {})  # made before remarks were kept: whole reviews are shown
    found = shown_evaluation(made.workspace, run, user=0, item=0)
    passages = pd.concat(found.citations)["passage"]
    assert len(passages)
    assert passages.str.contains("[e-mail]", regex=False).all()
    assert not passages.str.contains("example.com").any()
    made.workspace.close()


def test_without_reviews_there_are_facts_and_no_citation(prepared):
    run = run_with(prepared.workspace, prepared.dataset, {})
    found = shown_evaluation(prepared.workspace, run, user=0, item=0)
    assert found.citations == ()
    assert found.aspects.empty
    assert found.evaluation.fallback
    assert found.evaluation.facts
