from spillover.cli.demo_look import Learning, read_learning

OUTPUT = """\
(RayTrainWorker pid=1, ip=127.1.1.2) 2 workers, 249,600 parameters, 3,9 bytes of text, validation loss 5.45
(RayTrainWorker pid=1, ip=127.1.1.2) step 20/250  loss 3.47  9,000 tokens/s
(RayTrainWorker pid=1, ip=127.1.1.2) step 191/250  loss 2.79  9,000 tokens/s
"""


def test_the_newest_step_is_read():
    """Of a job that runs: where it began, how far it is, the loss there."""
    assert read_learning(OUTPUT) == Learning(191, 250, 5.45, 2.79)


def test_the_last_line_wins():
    """Of a job that is done: the validation losses before and after."""
    done = OUTPUT + "done: validation loss 5.45 -> 2.60 in 250 steps, 9.1 s, checkpoint at /tmp/x\n"
    assert read_learning(done) == Learning(250, 250, 5.45, 2.60, done=True)


def test_no_output_is_no_progress():
    """A job that has said nothing has learnt nothing."""
    assert read_learning("") == Learning()
