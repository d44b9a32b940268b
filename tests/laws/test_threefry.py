"""The known answers of Threefry-2x32-20, from the Random123 distribution."""

import numpy as np
import pytest

from mapsto.prims.random import FoldKey, RandomBits, threefry2x32

KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "words"), KNOWN)
def test_known_answers(key: tuple[int, int], counter: tuple[int, int], words: tuple[int, int]) -> None:
    found = threefry2x32(*(np.array([word], np.uint32) for word in (*key, *counter)))
    assert tuple(int(word[0]) for word in found) == words


def test_bits_are_the_first_word_of_the_row_major_position() -> None:
    bits = RandomBits((300, 200)).eval(np.zeros(2, np.uint32))
    assert bits[0, 0] == KNOWN[0][2][0]
    assert bits.dtype == np.uint32
    key = np.array([3, 4], np.uint32)
    first, _ = threefry2x32(key[:1], key[1:], np.zeros(1, np.uint32), np.array([123 * 200 + 45], np.uint32))
    assert RandomBits((300, 200)).eval(key)[123, 45] == first[0]


def test_folded_keys_are_no_random_bits() -> None:
    """Their counters have the top bit set, so a fold by n never repeats the words at position n."""
    key = np.array([3, 4], np.uint32)
    first = threefry2x32(key[:1], key[1:], np.array([2**31 + 5], np.uint32), np.array([7], np.uint32))
    assert FoldKey().eval(key, np.array([5 * 2**32 + 7])).tolist() == [[int(word[0]) for word in first]]
    folded = FoldKey().eval(key, np.arange(100))
    assert not np.isin(folded[:, 0], RandomBits((100,)).eval(key)).any()
    assert len(np.unique(folded.reshape(-1))) == 200
