import multiprocessing
import os
import threading
import warnings

import numpy as np
import pytest

from lpc_scratch.backend import threads
from lpc_scratch.backend.threads import in_chunks, in_threads, single_blas_thread


@pytest.fixture(autouse=True)
def three_threads(monkeypatch):
    monkeypatch.setattr(threads, "num_threads", lambda: 3)
    threads._pool.cache_clear()
    yield
    threads._pool.cache_clear()


def test_items_run_side_by_side_and_results_keep_their_order():
    barrier = threading.Barrier(3, timeout=10)  # passed only if all three are there at once

    def work(item):
        barrier.wait()
        return item * item

    assert in_threads(work, [1, 2, 3]) == [1, 4, 9]


def test_threads_have_the_error_state_of_the_caller():
    def overflow(_):
        return np.float32(1e38) * np.full(1000, 1e38, np.float32)

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        in_threads(overflow, [0, 1])
    with np.errstate(over="ignore"):
        assert np.isinf(in_threads(overflow, [0, 1])[1]).all()


@pytest.mark.parametrize("failing", [0, 2])
def test_error_comes_when_nothing_runs_any_more(failing):
    done = []

    def work(item):
        if item == failing:
            raise ValueError(f"item {item}")
        done.append(item)

    with pytest.raises(ValueError, match=f"item {failing}"):
        in_threads(work, range(3))
    assert sorted(done) == sorted({0, 1, 2} - {failing})


def test_threads_within_threads_run_in_line():
    def inner(item):
        return (item, threading.get_ident())

    def outer(_):
        return in_threads(inner, [0, 1]), threading.get_ident()

    for results, thread in in_threads(outer, [0, 1]):
        assert results == [(0, thread), (1, thread)]


@pytest.mark.parametrize("size", [1, 131_072, 500_001])
def test_chunks_cover_a_vector_once(size):
    count = np.zeros(size, int)

    def update(part):
        count[part] += 1

    in_chunks(update, size)
    assert (count == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_child_has_threads_of_its_own():
    in_threads(abs, [-1, -2, -3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks where threads are
        child = multiprocessing.get_context("fork").Process(target=in_threads, args=(abs, [1, 2]))
        child.start()
    child.join(20)
    child.kill()
    assert child.exitcode == 0


def test_blas_is_held_to_one_thread_and_let_go():
    def blas():
        return {x["num_threads"] for x in threads._controller().info() if x["user_api"] == "blas"}

    before = blas()
    with single_blas_thread():
        assert blas() == {1}
    first, second = single_blas_thread(), single_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas() == {1}
    second.__exit__(None, None, None)
    assert blas() == before
