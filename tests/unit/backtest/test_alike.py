import numpy as np

from spillover.backtest.alike import like_columns
from spillover.placement.likeness import DEPTH, Like, hour_block, keys, size_class

TEAMS = np.array(["red", "red", "blue", "", "red", "red"])
USERS = np.array(["ann", "bob", "ann", "", "ann", "ann"])
GPUS = np.array([1.0, 1.0, 8.0, 3.0, 1.0, 0.0])
CPUS = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 5.0])
SUBMIT = np.arange(6) * 3600.0 * 5


def test_a_trace_has_the_groups_of_live_jobs():
    """Two jobs share a group in the columns where they share a key live, level by level, and blanks drop out alike."""
    like = like_columns(GPUS, CPUS, SUBMIT, team=TEAMS, user=USERS)
    live = [keys(Like(TEAMS[j], USERS[j], size_class(GPUS[j], CPUS[j]), hour=hour_block(SUBMIT[j]))) for j in range(6)]
    for level in range(DEPTH):
        for one in range(6):
            assert (like[one, level] < 0) == (live[one][level] is None)
            for other in range(6):
                same = live[one][level] is not None and live[one][level] == live[other][level]
                assert (like[one, level] == like[other, level] and like[one, level] >= 0) == same


def test_levels_have_groups_of_their_own():
    """No number stands for groups of two levels, and all jobs are in group 0."""
    like = like_columns(GPUS, CPUS, SUBMIT, team=np.array([0, 0, 1, -1, 0, 0]))
    seen = [set(like[:, level]) - {-1} for level in range(DEPTH)]
    assert seen[0] == {0}
    assert sum(len(one) for one in seen) == len(set.union(*seen)) == like.max() + 1
