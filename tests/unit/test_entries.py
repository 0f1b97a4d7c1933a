"""Entry ids and positions keep the order of the stream."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_schema.entries import EntryOrder

MOST_MILLISECONDS = (1 << 43) - 1
MOST_SEQUENCE = (1 << 20) - 1

# Few values, so that entries often share a millisecond or have neighbouring sequences.
milliseconds = st.integers(0, MOST_MILLISECONDS) | st.integers(1_700_000_000_000, 1_700_000_000_002)
sequences = st.integers(0, MOST_SEQUENCE) | st.integers(0, 2) | st.integers(MOST_SEQUENCE - 1, MOST_SEQUENCE)
orders = st.builds(EntryOrder, milliseconds, sequences)


@given(orders)
def test_an_entry_id_is_restored_from_its_position(order: EntryOrder) -> None:
    """PostgreSQL stores the position, and a reply holds the entry id."""
    assert EntryOrder.from_position(order.position) == order
    assert EntryOrder.parse(str(order)) == order


@given(orders, orders)
def test_positions_are_ordered_like_the_stream(one: EntryOrder, other: EntryOrder) -> None:
    """By millisecond, then by sequence, as Redis compares ids; not as text compares."""
    ids = [(int(left), int(right)) for left, right in (str(order).split("-") for order in (one, other))]
    assert (one < other) == (ids[0] < ids[1])
    assert (one.position < other.position) == (ids[0] < ids[1])


def test_ids_are_compared_as_numbers() -> None:
    """Entry 10 of a millisecond comes after entry 9, although its text does not."""
    assert EntryOrder.parse("1700000000000-9") < EntryOrder.parse("1700000000000-10")
    assert EntryOrder.parse("999-0") < EntryOrder.parse("1000-0")


def test_a_position_is_milliseconds_and_twenty_bits() -> None:
    """Stored positions keep their meaning, so the layout of the number must never change."""
    assert EntryOrder(1_700_000_000_000, 3).position == 1_700_000_000_000 * 2**20 + 3


def test_the_last_position_fits_into_a_bigint() -> None:
    """PostgreSQL's bigint can store every position until the year 2248."""
    assert EntryOrder(MOST_MILLISECONDS, MOST_SEQUENCE).position == 2**63 - 1
    assert EntryOrder(MOST_MILLISECONDS, 0).time.year == 2248


def test_a_sequence_beyond_twenty_bits_is_an_error() -> None:
    """It would look like an entry of the next millisecond."""
    assert EntryOrder(1, MOST_SEQUENCE).position == 2**20 + MOST_SEQUENCE
    with pytest.raises(ValueError, match="entry 1-1048576 has a sequence number beyond 1048575"):
        _ = EntryOrder(1, MOST_SEQUENCE + 1).position


@pytest.mark.parametrize("entry_id", ["", "-", "1700000000000", "1-", "-1", "1-2-3", "a-1", "1-b", "1.0-1", "$"])
def test_an_invalid_entry_id_is_an_error(entry_id: str) -> None:
    """An entry id consists of two numbers."""
    with pytest.raises(ValueError, match="invalid literal"):
        EntryOrder.parse(entry_id)


def test_the_time_of_an_entry_is_its_first_number() -> None:
    """The moment when Redis appended it, in milliseconds, in UTC."""
    moment = EntryOrder.parse("1700000000123-7").time
    assert moment == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
    assert moment.tzinfo is UTC
