from functools import partial
from threading import Barrier

import numpy as np
from threadpoolctl import ThreadpoolController

from server.recommender.data.threads import in_threads, using_threads


def test_tasks_run_at_the_same_time_and_their_results_come_in_order() -> None:
    barrier = Barrier(2, timeout=60)

    def meet(number: int) -> int:
        barrier.wait()
        return number

    with using_threads(2, ThreadpoolController()):
        assert in_threads([partial(meet, number) for number in range(4)]) == [0, 1, 2, 3]


def test_one_thread_runs_the_tasks_one_after_the_other() -> None:
    done: list[int] = []

    in_threads([partial(done.append, number) for number in range(3)])

    assert done == [0, 1, 2]


def test_linear_algebra_has_one_thread_inside_of_several() -> None:
    controller = ThreadpoolController()

    def count() -> set[int]:
        return {library["num_threads"] for library in controller.info() if library["user_api"] == "blas"}

    np.ones((2, 2)) @ np.ones((2, 2))
    with controller.limit(limits=2), using_threads(2, controller):
        assert in_threads([count, count]) == [{1}, {1}]
        assert count() == {2}
