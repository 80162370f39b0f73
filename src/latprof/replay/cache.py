"""The KV memory of one replica: pages, and a tree of prefixes of which the least recently used go first."""

from __future__ import annotations

import heapq
from dataclasses import field

from latprof.classes import dataclass

__all__ = ["Node", "PagedCache"]


@dataclass(slots=True, eq=False)
class Node:
    """A run of consecutive pages in the tree of prefixes.

    The pages `start` to `start + pages` of a context lie here; those before `start` lie in the parents. `users` counts
    the running requests that stand on this node or below it: pages with users are never evicted.
    """

    parent: Node | None
    start: int
    pages: int = 0
    children: int = 0
    users: int = 0
    used_at: float = 0.0
    gone: bool = False

    @property
    def end(self) -> int:
        """The page after the last one."""
        return self.start + self.pages


@dataclass(slots=True)
class PagedCache:
    """Pages of equal size that running requests and cached prefixes share.

    Every page is free, or in exactly one node: `free + the pages of all nodes = capacity`. `pinned` counts pages
    of nodes with users; all others can be had by eviction, leaves first and the longest unused leaf first.
    """

    capacity: int
    free: int = 0
    pinned: int = 0
    root: Node = field(default_factory=lambda: Node(None, 0, users=1))
    evicted: int = 0
    _leaves: list[tuple[float, int, Node]] = field(default_factory=list)
    _pushed: int = 0

    def __post_init__(self) -> None:
        self.free = self.capacity

    @property
    def obtainable(self) -> int:
        """Pages that a request can get: free ones and those that nobody uses."""
        return self.capacity - self.pinned

    def reach(self, node: Node | None, pages: int) -> tuple[Node, int]:
        """How much of the context that ends in `node` is still there, at most `pages`, and where that ends."""
        while node is not None and (node.gone or node.start >= pages):
            node = node.parent
        if node is None:
            return self.root, 0
        return node, min(pages, node.end)

    def unpinned(self, node: Node | None, pages: int) -> int:
        """How many of the pages before `pages` on the way to `node` would become pinned by a user here."""
        total = 0
        while node is not None and not node.users:
            total += min(node.end, pages) - node.start
            node = node.parent
        return total

    def hold(self, node: Node, pages: int) -> Node:
        """A node for a request that continues the context of `node` after `pages` pages, with one user.

        The end of a context that nobody else uses or continues is simply extended; else a new branch begins.
        """
        if node is not self.root:
            # A node that somebody lengthens has no children; a branch from its end needs a cut there.
            grows = node.users > 0 and not node.children
            if pages < node.end or grows:
                node = self._split(node, pages)
            elif not node.children:
                self._use(node)
                return node
        node.children += 1
        leaf = Node(node, pages)
        self._use(leaf)
        return leaf

    def grow(self, node: Node, pages: int) -> None:
        """Give pages to a node with users. Raises RuntimeError when they cannot be obtained."""
        if pages > self.obtainable:
            raise RuntimeError("more pages than the cache can give")
        if pages > self.free:
            self._evict(pages - self.free)
        self.free -= pages
        self.pinned += pages
        node.pages += pages

    def release(self, node: Node, full_pages: int, at: float) -> None:
        """The request is over: pages up to `full_pages` of its context stay cached, the rest becomes free."""
        surplus = max(min(node.end - full_pages, node.pages), 0) if node.users == 1 and not node.children else 0
        node.pages -= surplus
        self.pinned -= surplus
        self.free += surplus
        self._leave(node, at)
        self._offer(node)

    def _use(self, node: Node) -> None:
        """One more user on the node and all its parents."""
        above: Node | None = node
        while above is not None:
            if not above.users:
                self.pinned += above.pages
            above.users += 1
            above = above.parent

    def _leave(self, node: Node, at: float) -> None:
        above: Node | None = node
        while above is not None:
            above.users -= 1
            above.used_at = at
            if not above.users:
                self.pinned -= above.pages
            above = above.parent

    def _split(self, node: Node, pages: int) -> Node:
        """Cut a node in two; the lower part keeps its identity, the upper one is returned."""
        upper = Node(node.parent, node.start, pages - node.start, 1, node.users, node.used_at)
        node.parent, node.start, node.pages = upper, pages, node.end - pages
        return upper

    def _offer(self, node: Node) -> None:
        """Put an unused leaf among those that may be evicted; one without pages disappears at once."""
        while node is not self.root and not node.users and not node.children and not node.gone:
            if node.pages:
                self._pushed += 1
                heapq.heappush(self._leaves, (node.used_at, self._pushed, node))
                return
            node = self._remove(node)

    def _remove(self, node: Node) -> Node:
        node.gone = True
        parent = node.parent or self.root
        parent.children -= 1
        return parent

    def _evict(self, pages: int) -> None:
        """Free that many pages, from the ends of the leaves that were not used for the longest time."""
        while pages > 0:
            used_at, _, node = heapq.heappop(self._leaves)
            if node.gone or node.users or node.children or node.used_at != used_at:
                continue
            taken = min(pages, node.pages)
            node.pages -= taken
            self.free += taken
            self.evicted += taken
            pages -= taken
            self._offer(node)
