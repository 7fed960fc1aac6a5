from core.figures.progress import epochs_in

LOG = """12:00:00 Training: epoch 1 of 8, step 5 of 5, loss 7.500
12:00:01 Training: epoch 1: loss 7.545, validation NDCG@10 0.3981
12:00:02 Training: epoch 2: loss 7.458, validation NDCG@10 0.3990
12:00:09 Attempt 2
12:00:12 Training: epoch 2: loss 7.400, validation NDCG@10 0.4000
"""


def test_finished_epochs_are_read_from_a_log_and_a_repeated_one_counts_once():
    assert [(e.epoch, e.loss, e.validation_ndcg) for e in epochs_in(LOG)] == [
        (1, 7.545, 0.3981),
        (2, 7.4, 0.4),
    ]


def test_a_log_without_finished_epochs_gives_none():
    assert epochs_in("12:00:00 Reading\n") == []


def test_the_loss_of_each_objective_is_read_where_the_log_tells_it():
    line = (
        "12:00:01 Training: epoch 1: loss 8.431, validation NDCG@10 0.4039 (next item 7.549, intent 0.696)\n"
    )
    (epoch,) = epochs_in(line)
    assert epoch.losses == {"next item": 7.549, "intent": 0.696}
    assert epoch.validation_ndcg == 0.4039
