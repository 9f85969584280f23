"""A network and its evidence as factors, multiplied along a plan within a budget of memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import torch
from torch import Tensor

from bsm.engine import factors as f
from bsm.engine.errors import TooLarge
from bsm.engine.plan import BATCH, DRAW, ROW, Axes, Plan, cells, plan
from bsm.network.tables import Network

BYTES = 8  # of a float64
SHARE = 0.25  # of the memory of the machine, or of what is free on an accelerator


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a network, with everything that cannot matter left out.

    Axis 0 counts draws, axis 1 rows, and axis i + 2 the states of names[i].
    """

    names: tuple[str, ...]
    axes: tuple[Axes, ...]
    tensors: tuple[Tensor, ...]
    sizes: tuple[int, ...]
    keep: Axes

    @cached_property
    def output(self) -> Axes:
        """The axes of the answer: those of draws and rows only where something depends on them."""
        used = {a for axes in self.axes for a in axes}
        return tuple(a for a in (*BATCH, *self.keep) if a in used)

    @property
    def shape(self) -> tuple[int, ...]:
        """[draw, row, *keep]."""
        return tuple(self.sizes[a] for a in (*BATCH, *self.keep))

    @cached_property
    def plan(self) -> Plan:
        return plan(self.axes, self.output, self.sizes)

    @cached_property
    def remembers(self) -> bool:
        """Whether autograd will hold on to every intermediate."""
        return torch.is_grad_enabled() and any(t.requires_grad for t in self.tensors)

    def bytes(self, wide: bool) -> int:
        """What answering needs at its worst moment, the answer included."""
        held = cells(self.output, self.sizes)
        if self.remembers:
            held += self.plan.total * (4 if wide else 1)
        return BYTES * (held + (self.plan.wide_peak if wide else self.plan.peak))

    def too_large(self, wide: bool, limit: int) -> str:
        """The message that this question needs more than `limit` bytes."""
        clique = sorted(self.plan.largest - set(BATCH))
        listed = ", ".join(f"{self.names[a - 2]} ({self.sizes[a]})" for a in clique[:40])
        draws, rows = self.sizes[:2]
        batch = f" in each of {draws} draw(s) and {rows} row(s)"
        remedy = "ask for fewer variables at once, cut edges with do(), give nodes fewer parents, or raise max_bytes"
        if self.remembers:
            remedy = f"take fewer rows or draws at once, or torch.no_grad(); else {remedy}"
        return (
            f"this query needs about {readable(self.bytes(wide))} and may use {readable(limit)} (max_bytes): "
            f"{len(clique)} variables meet in one table of {cells(clique, self.sizes):,} cells{batch}: {listed}"
            f"{', ...' if len(clique) > 40 else ''}. Remedy: {remedy}"
        )

    def part(self, batch: int, start: int, length: int) -> Question:
        """The same question for some of the draws (0) or rows (1)."""
        tensors = tuple(
            t.narrow(axes.index(batch), start, length) if batch in axes else t
            for axes, t in zip(self.axes, self.tensors, strict=True)
        )
        sizes = tuple(length if a == batch else size for a, size in enumerate(self.sizes))
        return replace(self, tensors=tensors, sizes=sizes)


def question(network: Network, keep: Sequence[str], weights: Mapping[str, Tensor]) -> Question:
    """Factors of P(keep, evidence); `weights` are [draw, row, state].

    Variables that are neither kept, nor weighted, nor an ancestor of either are barren: they sum to one.
    """
    names = ancestors_of(network, (*keep, *weights))
    number = {name: i for i, name in enumerate(names, start=2)}
    found = [
        without_single(network.tables[n].values, (DRAW, *(number[a] for a in network.tables[n].axes))) for n in names
    ]
    found += [without_single(w, (DRAW, ROW, number[n])) for n, w in weights.items()]
    draws = max((network.draws, *(len(w) for w in weights.values())))
    rows = max((w.shape[1] for w in weights.values()), default=1)
    return Question(
        names=names,
        axes=tuple(axes for axes, _ in found),
        tensors=tuple(tensor for _, tensor in found),
        sizes=(draws, rows, *(len(network.variables[n].states) for n in names)),
        keep=tuple(number[n] for n in keep),
    )


def ancestors_of(network: Network, names: Sequence[str]) -> tuple[str, ...]:
    """These variables and their ancestors, parents first."""
    found = set(names)
    for name in reversed(network.order):
        if name in found:
            found.update(network.tables[name].parents)
    return tuple(name for name in network.order if name in found)


def without_single(values: Tensor, axes: Axes) -> tuple[Axes, Tensor]:
    """The tensor without a draw or row axis of one entry, so that it is multiplied once for all."""
    gone = tuple(i for i, a in enumerate(axes) if a in BATCH and values.shape[i] == 1)
    return tuple(a for i, a in enumerate(axes) if i not in gone), values.squeeze(gone)


Answer = tuple[Tensor, Tensor]


def answered(asked: Question, wide: bool, max_bytes: int | None) -> Answer:
    """`plainly` or `widely`, in as many parts as the memory allowed asks for.

    Raises:
        TooLarge: even one draw of one row needs more than `max_bytes`.
    """
    limit = default_limit(asked.tensors) if max_bytes is None else max_bytes
    return _in_parts(asked, _widely if wide else _plainly, wide, limit)


def _in_parts(asked: Question, solve: Callable[[Question], Answer], wide: bool, limit: int) -> Answer:
    if asked.bytes(wide) <= limit:
        return solve(asked)
    batch = ROW if asked.sizes[ROW] > 1 else DRAW
    count = asked.sizes[batch]
    if count == 1 or asked.remembers or BYTES * cells(asked.output, asked.sizes) > limit // 2:
        raise TooLarge(asked.too_large(wide, limit))
    half = count // 2
    parts = [asked.part(batch, 0, half), asked.part(batch, half, count - half)]
    answers = [_in_parts(part, solve, wide, limit) for part in parts]
    return torch.cat([a for a, _ in answers], batch), torch.cat([b for _, b in answers], batch)


def _plainly(asked: Question) -> Answer:
    """(values [draw, row, *keep], log_scale [draw, row]) with P = values * exp(log_scale).

    Raises:
        RangeLost: a plain factor cannot hold what is needed.
    """
    waiting: dict[int, f.Factor] = {}
    log_scale = torch.zeros(1, 1, dtype=torch.float64, device=asked.tensors[0].device)
    for number, factor in enumerate(f.plain(asked.axes, asked.tensors)):
        waiting[number], scale = f.settled(factor)
        log_scale = log_scale if scale is None else log_scale + scale
    for number, step in enumerate(asked.plan.steps, start=len(asked.axes)):
        made = f.product(waiting.pop(step.left), waiting.pop(step.right), step.keep)
        waiting[number], scale = f.settled(made)
        log_scale = log_scale if scale is None else log_scale + scale
    (last,) = waiting.values()
    last, scale = f.rescaled(f.summed(last, set(last.axes) - set(asked.output)))
    return _laid_out(last.values, last.axes, asked), (log_scale + scale).expand(asked.shape[:2])


def _widely(asked: Question) -> Answer:
    """(values, exponent), both [draw, row, *keep], with P = values * 2**exponent: no cell is lost."""
    waiting = {i: f.widened(a, t) for i, (a, t) in enumerate(zip(asked.axes, asked.tensors, strict=True))}
    for number, step in enumerate(asked.plan.steps, start=len(asked.axes)):
        waiting[number] = f.product(waiting.pop(step.left), waiting.pop(step.right), step.keep)
    (last,) = waiting.values()
    last = f.summed(last, set(last.axes) - set(asked.output))
    assert last.exponent is not None
    return _laid_out(last.values, last.axes, asked), _laid_out(last.exponent, last.axes, asked)


def _laid_out(values: Tensor, axes: Axes, asked: Question) -> Tensor:
    values = values.permute([axes.index(a) for a in asked.output])
    for position in BATCH:
        values = values if position in axes else values.unsqueeze(position)
    return values.expand(asked.shape)


# --- the budget --------------------------------------------------------------------------------------------


def default_limit(tensors: Sequence[Tensor]) -> int:
    """Bytes that a query may use where nothing else is said: a quarter of the memory of the machine or device."""
    if tensors and tensors[0].device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(tensors[0].device)
        return int(SHARE * free)
    return int(SHARE * _machine_memory())


@cache
def _machine_memory() -> int:
    """Bytes of this machine, or of the container it is; 8 GiB where the system does not tell."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        found = 8 * 2**30
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # absent, or "max"
            found = min(found, int(Path(path).read_text()))
    return found


def readable(count: int) -> str:
    """A number of bytes as people write it."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.4g} {units[0]}"
