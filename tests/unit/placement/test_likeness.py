from placement_builders import gang

from spillover.placement.likeness import DEPTH, LEVELS, Like, keys, like_of, size_class


def test_a_live_job_is_told_by_all_that_is_known_of_it():
    """Team, user, size, image, program, entrypoint and hour; options do not make another program."""
    env = {"container": {"image": "pt:2"}}
    like = like_of("red", "ann", gang("2x{GPU:3}"), 7 * 3600.0, "python train.py --lr 0.1", env)
    assert like == Like("red", "ann", "gpu3", "pt:2", "python train.py", "python train.py --lr 0.1", "1")
    assert like_of("red", "ann", gang("1x{CPU:1}"), 0.0, "", {"image_uri": "x"}).image == "x"


def test_groups_get_narrower():
    """Jobs of the same entrypoint share all groups, those of one program all but the last two, others fewer."""
    one = like_of("red", "ann", gang("1x{GPU:1}"), 0.0, "python a.py --x 1")
    shared = [sum(a == b for a, b in zip(keys(one), keys(other), strict=True)) for other in _others(one)]
    assert shared == [DEPTH, DEPTH - 2, 4, 1]
    assert len({*keys(one)}) == DEPTH


def _others(one: Like) -> list[Like]:
    return [
        one._replace(),
        one._replace(entrypoint="python a.py --x 2"),
        one._replace(user="bob", program="b", entrypoint="b"),
        one._replace(team="blue", demand="cpu0"),
    ]


def test_what_is_blank_drops_out():
    """A level that sees no more than a broader one is left out; the newest runs are always looked at."""
    counts = [key is not None for key in keys(Like(team="red", demand="gpu0"))]
    assert counts == [True, True, True, True, False, False, False, False, False, True]
    assert [key is not None for key in keys(Like())] == [True] + [False] * (DEPTH - 2) + [True]


def test_broad_levels_remember_longer():
    """The narrower the group, the shorter its memory: what is near is also what changes."""
    memories = [level.half_life for level in LEVELS]
    assert memories == sorted(memories, reverse=True)


def test_sizes_are_powers_of_two():
    """Accelerators count, else CPUs; nothing at all is unknown."""
    assert [size_class(gpus, cpus) for gpus, cpus in ((1, 9), (3, 0), (4, 1), (0.5, 1), (0, 5), (0, 0))] == [
        "gpu0",
        "gpu2",
        "gpu2",
        "gpu-1",
        "cpu3",
        "",
    ]
