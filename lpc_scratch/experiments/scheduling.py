"""Groups of cells on this machine's cores, or on the machines of a dask cluster.

Results come back as they are ready, to the one process that writes them, so that workers need
neither a shared disk nor a folder of their own.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from typing import Any

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import SweepError, one_line
from lpc_scratch.experiments.cells import Result, failures, interface, train_together

Group = Sequence[TrainConfig]

_ANSWER = 3.0  # seconds for a scheduler to answer, and for a first worker to be there
_IMPORT = 60.0  # seconds for the workers to import this package
_NO_WORKERS = 60.0  # seconds to wait for new workers once all are gone
_ASK_AGAIN = 5.0
_POLL = 0.1


def train_on_cores(groups: Sequence[Group], jobs: int) -> Generator[list[Result], None, None]:
    """Train groups in so many processes of this machine, in this one if it is one.

    Raises SweepError if a process was killed, as it is where memory runs out.
    """
    if jobs == 1:
        yield from map(train_together, groups)
        return
    try:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            yield from joblib.Parallel(jobs, batch_size=1, return_as="generator_unordered")(
                joblib.delayed(_train_in_worker)(group) for group in groups
            )
    except BrokenProcessPool as error:
        raise SweepError(
            "a worker process was killed, as happens where memory runs out: what is finished is "
            "kept; run the command again with fewer --jobs"
        ) from error


class Cluster:
    """A connection to a dask scheduler, at an address such as ``tcp://127.0.0.1:8786``.

    `threads` is how many groups its workers can train at once. Raises SweepError if dask is not
    installed, nobody answers, or there is no worker with this package.
    """

    def __init__(self, address: str) -> None:
        if find_spec("distributed") is None:
            raise SweepError(
                "--scheduler needs dask, which is not installed: pip install distributed, or leave "
                "--scheduler out"
            )
        from distributed import Client

        # A lost connection is told once, by an error, and not by dask's tracebacks as well.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            _identify(address)  # a Client would wait for ever for one who is silent
            self._client = Client(address, timeout=_ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:  # a time-out is an OSError
            reason = one_line(error) or f"not within {_ANSWER:g} s"
            raise SweepError(
                f"no dask scheduler answers at {address!r} ({reason}): start one with "
                "`dask scheduler`, or leave --scheduler out"
            ) from error
        self._address = address
        try:
            self.threads = self._check_workers(address)
        except BaseException:
            self.close()
            raise

    def train(self, groups: Sequence[Group]) -> Generator[list[Result], None, None]:
        """Train groups on the workers; those of a worker that dies go to another.

        Raises SweepError if the scheduler is gone, or for a minute all workers.
        """
        pending = {self._client.submit(train_together, g, pure=False): g for g in groups}
        asked = seen = time.monotonic()
        try:
            while pending:
                for future in [future for future in pending if future.done()]:
                    results = self._collect(future, pending[future])
                    if results is not None:
                        del pending[future]
                        yield results
                if time.monotonic() - asked > _ASK_AGAIN:
                    asked = time.monotonic()
                    seen = asked if self._has_workers() else seen
                    if asked - seen > _NO_WORKERS:
                        raise SweepError(
                            f"{self._address} has had no scheduler or no worker for "
                            f"{_NO_WORKERS:.0f} s: what is finished is kept; start them and run "
                            "the command again"
                        )
                time.sleep(_POLL)
        finally:
            with suppress(Exception):  # the connection may be lost
                self._client.cancel(list(pending))

    def close(self) -> None:
        """Leave the cluster, which stays."""
        with suppress(Exception):  # the connection may be lost
            self._client.close(timeout=_ANSWER)

    def _has_workers(self) -> bool:
        try:
            return bool(_identify(self._address)["workers"])
        except (OSError, ValueError):
            return False

    def _check_workers(self, address: str) -> int:
        """Return the number of threads of the workers, all of which have this package."""
        try:
            self._client.wait_for_workers(1, timeout=_ANSWER)
        except OSError as error:
            raise SweepError(
                f"the scheduler at {address} has no workers: start some with "
                f"`dask worker {address}`"
            ) from error

        def find_interface() -> str:  # a nested function travels by value, so it needs no package
            from importlib import import_module

            try:
                return str(import_module("lpc_scratch.experiments.cells").interface())
            except (ImportError, AttributeError) as error:
                return f"cannot use it: {error}"

        try:
            found = self._client.run(find_interface, callback_timeout=_IMPORT)
        except OSError as error:
            raise SweepError(
                f"the workers of {address} do not answer within {_IMPORT:.0f} s: start them again"
            ) from error
        for worker, theirs in found.items():
            if theirs != interface():
                reason = theirs if " " in theirs else "it has another version"
                raise SweepError(
                    f"the worker {worker} needs the lpc_scratch of this command ({reason}): "
                    "install this project there, and start it again"
                )
        return sum(self._client.nthreads().values())

    def _collect(self, future: Any, group: Group) -> list[Result] | None:
        """Return the results of a future that is done; None where its worker took them along."""
        if future.cancelled():
            raise SweepError(
                "the scheduler is gone: what is finished is kept; start it and run the command "
                "again"
            )
        try:
            return future.result(timeout=_ANSWER)
        except TimeoutError:
            return None
        except Exception as error:  # such as dask's KilledWorker, after several workers
            return failures(group, error)


def _identify(address: str) -> dict[str, Any]:
    """Return what a scheduler says of itself; raise OSError or ValueError if it is none."""
    from distributed import rpc

    async def ask() -> dict[str, Any]:
        async with rpc(address) as remote:
            return await asyncio.wait_for(remote.identity(), _ANSWER)

    identity = asyncio.run(ask())
    if identity["type"] != "Scheduler":
        raise ValueError(f"it is a {identity['type'].lower()}")
    return identity


def _train_in_worker(group: Group) -> list[Result]:
    """Train a group in a process that ends with its parent, and leaves interrupts to it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    return train_together(group)


@cache
def _end_with_parent() -> None:
    """Watch, once in a process, for the death of its parent: there is nobody to take results."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
