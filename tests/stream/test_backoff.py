from cmlstream.stream.backoff import Backoff


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(first_s=1, longest_s=5)
    waits_s = [backoff.next_s() for _ in range(5)]
    for wait_s, ceiling_s in zip(waits_s, (1, 2, 4, 5, 5), strict=True):
        assert ceiling_s / 2 <= wait_s <= ceiling_s
    backoff.reset()
    assert backoff.next_s() <= 1


def test_no_two_clients_wait_alike() -> None:
    assert len({Backoff().next_s() for _ in range(20)}) > 1
