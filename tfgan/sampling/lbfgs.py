"""L-BFGS for many independent problems at once: Liu and Nocedal 1989, "On the limited memory BFGS method". NumPy only."""

import numpy as np

_MEMORY = 10  # the latest changes of place and gradient, from which the curvature follows
_ARMIJO = 1e-4  # the least decrease of a step's loss, as a share of what the gradient promises
_SHORTER = 0.4  # a step that fails becomes so much shorter
_SHORTEST = 1e-3  # below this share of a step, the memory is forgotten
_LEAST = 1e-20  # smaller products of changes are rounding, and say nothing about the curvature
_FIRST = 1.0  # length of the first step, along the gradient


class Descent:
    """Rows of z, each on its own way down. After `step` and `keep`, `z` and `loss` hold each row's best.

    z: float32 [n, d]. objective: function z -> (losses [n], gradients [n, d]); after `keep`, of the rows that are kept. bound:
    function z -> z that brings it into bounds.
    """

    def __init__(self, z, objective, bound):
        self.z, self._objective, self._bound = z.astype(np.float32), objective, bound
        self.loss, self._gradient = objective(self.z)
        self._moves, self._changes = (np.zeros([_MEMORY, *z.shape], np.float32) for _ in range(2))
        self._inverse = np.zeros([_MEMORY, len(z)], np.float32)  # 1 / (move . change); 0: no memory
        self._scale = _FIRST / np.linalg.norm(self._gradient, axis=1).clip(1e-12)
        self._length = np.ones(len(z), np.float32)
        self._ways = self._direct(np.arange(len(z)))

    def keep(self, rows):
        """Goes on with these rows alone, in this order."""
        for name in ("z", "loss", "_gradient", "_scale", "_length", "_ways"):
            setattr(self, name, getattr(self, name)[rows])
        self._moves, self._changes, self._inverse = (x[:, rows] for x in (self._moves, self._changes, self._inverse))

    def step(self):
        """Tries one step of each row. It is taken if the loss decreases, and becomes shorter otherwise."""
        tried = self._bound(self.z + self._length[:, None] * self._ways).astype(np.float32)
        loss, gradient = self._objective(tried)
        move = tried - self.z
        slope = (move * self._gradient).sum(1)
        better = (slope < 0) & (loss <= self.loss + _ARMIJO * slope)
        self._take(np.flatnonzero(better), tried, loss, gradient, move)
        worse = np.flatnonzero(~better)
        self._length[worse] *= _SHORTER
        lost = worse[(self._length[worse] < _SHORTEST) | (slope[worse] >= 0)]
        self._inverse[:, lost] = 0
        self._scale[lost] = _SHORTER * _FIRST / np.linalg.norm(self._gradient[lost], axis=1).clip(1e-12)
        self._length[lost] = 1
        self._ways[lost] = self._direct(lost)

    def _take(self, rows, tried, loss, gradient, move):
        change = gradient[rows] - self._gradient[rows]
        curvature = (move[rows] * change).sum(1)
        squares = (change**2).sum(1)
        learns = (curvature > _LEAST) & (squares > _LEAST)
        these, change, curvature = rows[learns], change[learns], curvature[learns]
        for memory, new in ((self._moves, move[these]), (self._changes, change), (self._inverse, 1 / curvature)):
            memory[:-1, these] = memory[1:, these]
            memory[-1, these] = new
        self._scale[these] = curvature / squares[learns]
        self.z[rows], self.loss[rows], self._gradient[rows], self._length[rows] = tried[rows], loss[rows], gradient[rows], 1
        self._ways[rows] = self._direct(rows)

    def _direct(self, rows):
        """Minus the approximate inverse Hessian times the gradient, by the two loops of Nocedal 1980."""
        moves, changes, inverse = (x[:, rows] for x in (self._moves, self._changes, self._inverse))
        way, shares = self._gradient[rows].copy(), np.zeros_like(inverse)
        for n in reversed(range(_MEMORY)):
            shares[n] = inverse[n] * (moves[n] * way).sum(1)
            way -= shares[n][:, None] * changes[n]
        way *= self._scale[rows][:, None]
        for n in range(_MEMORY):
            way += (shares[n] - inverse[n] * (changes[n] * way).sum(1))[:, None] * moves[n]
        return -way
