"""A worker's orders between their coming and their being obeyed: what crosses another order is not lost."""

from __future__ import annotations

import queue

from .worker_messages import Make, Order, Park, Unpark


class Inbox(queue.Queue[Order]):
    """The orders that came and were not obeyed yet, in their sequence."""

    def put_first(self, order: Order) -> None:
        """Let this order be obeyed before all others."""
        with self.not_empty:
            self.queue.appendleft(order)
            self.not_empty.notify()

    def take(self, job: str, *, wait: bool) -> Order | None:
        """The first order for the job that is being made, or for the worker itself; others stay where they are.

        None where there is none and one does not `wait` for it.
        """
        with self.not_empty:
            while (order := self._first(job)) is None and wait:
                self.not_empty.wait()
            if order is not None:
                self.queue.remove(order)
            return order

    def holds(self, job: str) -> bool:
        """Whether there is an order that `take` would give."""
        with self.mutex:
            return self._first(job) is not None

    def _first(self, job: str) -> Order | None:
        for order in self.queue:
            if isinstance(order, (Park, Unpark)) or (order.job == job and not isinstance(order, Make)):
                return order
        return None
