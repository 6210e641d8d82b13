"""The order of items, against a plain list and with the events in any order."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.protocol.transcript.chain import ItemChain, Rank


def _chain(*placements: tuple[str, str | None], past: tuple[str, ...] = ()) -> ItemChain:
    chain = ItemChain(past)
    for item_id, previous in placements:
        chain.place(item_id, previous, Rank.ITEM)
    return chain


def _order(*placements: tuple[str, str | None]) -> str:
    return "".join(_chain(*placements).order())


def test_an_empty_chain_has_no_order() -> None:
    assert ItemChain().order() == []


@pytest.mark.parametrize(
    "placements", list(itertools.permutations([("a", None), ("b", "a"), ("c", "b"), ("d", "c")]))
)
def test_a_simple_chain_has_one_order_whatever_the_order_of_events(
    placements: tuple[tuple[str, str | None], ...],
) -> None:
    assert _order(*placements) == "abcd"


@given(
    st.lists(st.sampled_from("abcdef"), max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.none() | st.sampled_from("abcdefgh"),
            st.sampled_from(Rank),
            st.booleans(),
        ),
        max_size=6,
    ),
)
def test_a_past_is_as_its_items_placed_one_by_one(
    past: list[str], later: list[tuple[str, str | None, Rank, bool]]
) -> None:
    chain, one_by_one = ItemChain(past), ItemChain()
    for item_id, previous in zip(past, [None, *past], strict=False):
        one_by_one.place(item_id, previous, Rank.ITEM)
    assert chain.order() == one_by_one.order()
    for item_id, previous, rank, is_deleted in later:
        for each in (chain, one_by_one):
            each.place(item_id, previous, rank)
            if is_deleted:
                each.mark_deleted(item_id)
        assert chain.order() == one_by_one.order()


def test_of_two_followers_the_later_insertion_stands_directly_behind() -> None:
    assert _order(("a", None), ("b", "a"), ("c", "b"), ("x", "a"), ("y", "x")) == "axybc"


def test_a_later_first_item_comes_first() -> None:
    assert _order(("a", None), ("b", "a"), ("x", None)) == "xab"


@given(st.data())
def test_items_inserted_one_by_one_are_in_the_order_of_a_list(data: st.DataObject) -> None:
    chain, provider = ItemChain(), list[str]()
    for n in range(data.draw(st.integers(0, 12))):
        index = data.draw(st.integers(0, len(provider)))
        previous = provider[index - 1] if index else None
        provider.insert(index, f"i{n}")
        chain.place(f"i{n}", previous, Rank.ITEM)
        assert chain.order() == provider


_STEPS = st.tuples(st.integers(0, 7), st.integers(-1, 7), st.sampled_from(Rank), st.integers(0, 9))


@given(st.lists(_STEPS, max_size=12))
@example([(4, 3, Rank.ITEM, 2), (6, 6, Rank.ITEM, 1), (3, 2, Rank.ITEM, 2), (7, 6, Rank.ITEM, 2)])
def test_the_order_without_sorting_is_the_sorted_order(
    steps: list[tuple[int, int, Rank, int]],
) -> None:
    chain = ItemChain()
    for n, previous, rank, what in steps:
        if what == 0:
            chain.mark_deleted(f"i{n}")
        elif what == 1:
            chain.add(f"i{n}")
        else:
            chain.place(f"i{n}", None if previous < 0 else f"i{previous}", rank)
        assert chain.order() == chain._sorted()


@given(st.permutations(range(9)), st.data())
def test_growth_at_the_end_gives_the_sorted_order(order: list[int], data: st.DataObject) -> None:
    chain = ItemChain()
    for n in order:
        if data.draw(st.booleans()):
            chain.add(f"i{n}")
        if data.draw(st.booleans()):
            rank = data.draw(st.sampled_from(Rank))
            chain.place(f"i{n}", f"i{n - 1}" if n else None, rank)
        if data.draw(st.integers(0, 9)) == 0:
            chain.mark_deleted(f"i{n}")
        assert chain.order() == chain._sorted()


def test_an_unseen_predecessor_has_a_place_before_it_comes() -> None:
    chain = _chain(("a", None), ("c", "b"))
    assert chain.order() == ["a", "b", "c"]
    chain.place("b", "a", Rank.ITEM)
    assert chain.order() == ["a", "b", "c"]


def test_a_chain_without_a_beginning_is_behind_those_seen_before_it() -> None:
    assert _order(("d", "c"), ("a", None), ("b", "a"), ("f", "e")) == "abcdef"


def test_an_unplaced_item_is_where_the_conversation_ended_when_it_came() -> None:
    chain = _chain(("a", None), ("b", "a"))
    chain.add("x")
    chain.add("y")
    chain.place("c", "b", Rank.ITEM)
    assert chain.order() == ["a", "b", "x", "y", "c"]


def test_an_unplaced_first_item_stays_first() -> None:
    chain = ItemChain()
    chain.add("x")
    chain.place("a", None, Rank.ITEM)
    assert chain.order() == ["x", "a"]


def test_an_item_that_is_placed_later_moves_to_its_place() -> None:
    chain = _chain(("a", None), ("b", "a"))
    chain.add("x")
    chain.place("x", "a", Rank.ITEM)
    assert chain.order() == ["a", "x", "b"]


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        (Rank.GUESS, Rank.COMMIT, "abx"),
        (Rank.GUESS, Rank.ITEM, "abx"),
        (Rank.COMMIT, Rank.ITEM, "abx"),
        (Rank.ITEM, Rank.COMMIT, "axb"),
        (Rank.ITEM, Rank.GUESS, "axb"),
        (Rank.COMMIT, Rank.GUESS, "axb"),
        (Rank.GUESS, Rank.GUESS, "axb"),
        (Rank.COMMIT, Rank.COMMIT, "axb"),
        (Rank.ITEM, Rank.ITEM, "axb"),
    ],
)
def test_the_higher_rank_counts_and_of_equal_ranks_the_first(
    first: Rank, second: Rank, order: str
) -> None:
    chain = _chain(("a", None), ("b", "a"))
    chain.place("x", "a", first)
    chain.place("x", "b", second)
    assert "".join(chain.order()) == order


def test_a_higher_rank_does_not_make_an_insertion_later() -> None:
    chain = _chain(("a", None))
    chain.place("b", "a", Rank.COMMIT)
    chain.place("x", "a", Rank.ITEM)
    chain.place("b", "a", Rank.ITEM)
    assert chain.order() == ["a", "x", "b"]


def test_the_past_comes_first_and_is_not_moved() -> None:
    chain = _chain(("a", "q"), ("p", "a"), past=("p", "q"))
    assert chain.order() == ["p", "q", "a"]


def _without(*deleted: str, placements: list[tuple[str, str | None]]) -> str:
    chain = _chain(*placements)
    for item_id in deleted:
        chain.mark_deleted(item_id)
    return "".join(chain.order())


def test_a_deleted_item_stays_in_front_of_the_one_that_took_its_place() -> None:
    assert _without("b", placements=[("a", None), ("b", "a"), ("c", "a")]) == "abc"
    assert _without("b", placements=[("a", None), ("c", "a"), ("b", "a")]) == "abc"


def test_several_deleted_items_keep_their_order() -> None:
    placements: list[tuple[str, str | None]] = [("a", None), ("b", "a"), ("c", "b"), ("d", "a")]
    assert _without("b", "c", placements=placements) == "abcd"
    assert (
        _without("b", "c", placements=[("a", None), ("b", "a"), ("c", "a"), ("d", "a")]) == "abcd"
    )


def test_a_deleted_item_with_remaining_followers_keeps_its_place() -> None:
    placements: list[tuple[str, str | None]] = [("a", None), ("b", "a"), ("c", "b"), ("x", "a")]
    assert _without("b", placements=placements) == "axbc"


def test_a_deleted_first_item_stays_first() -> None:
    assert _without("a", placements=[("a", None), ("b", None)]) == "ab"


def test_an_unseen_item_may_be_deleted() -> None:
    assert _without("x", placements=[("a", None)]) == "ax"


@pytest.mark.parametrize(
    "placements",
    [
        [("a", "a")],
        [("a", "b"), ("b", "a")],
        [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")],
        [("z", None), ("a", "b"), ("b", "a"), ("c", "z")],
    ],
)
def test_a_cycle_loses_no_item(placements: list[tuple[str, str | None]]) -> None:
    order = _chain(*placements).order()
    assert sorted(order) == sorted({item_id for item_id, _ in placements})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "place", "delete"]),
            st.sampled_from("abcdef"),
            st.none() | st.sampled_from("abcdef"),
            st.sampled_from(Rank),
        ),
        max_size=20,
    )
)
def test_every_item_is_in_the_order_exactly_once(
    placements: list[tuple[str, str, str | None, Rank]],
) -> None:
    chain = ItemChain()
    seen: set[str] = set()
    for verb, item_id, previous, rank in placements:
        seen.add(item_id)
        match verb:
            case "add":
                chain.add(item_id)
            case "place":
                chain.place(item_id, previous, rank)
            case "delete":
                chain.mark_deleted(item_id)
        order = chain.order()
        assert len(order) == len(set(order))
        assert seen <= set(order)


def test_a_long_conversation_needs_no_recursion_and_no_sorting() -> None:
    chain = ItemChain()
    sorts = 0
    for n in range(3000):
        chain.add(f"i{n}")
        chain.place(f"i{n}", f"i{n - 1}" if n else None, Rank.COMMIT)
        chain.place(f"i{n}", f"i{n - 1}" if n else None, Rank.ITEM)
        sorts += chain._order is None
    assert sorts == 0
    assert chain._sorted() == chain.order()
