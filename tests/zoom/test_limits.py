import threading

import pytest

from auditor.zoom.limits import Plan, RateLabel, RateLimiter


def limiter(clock, **options):
    options.setdefault("share", 1.0)
    return RateLimiter(
        Plan.PRO.limits, clock=clock, sleep=clock.sleep, chance=lambda: 0.5, **options
    )


@pytest.mark.parametrize(
    ("plan", "label", "per_second"),
    [
        (Plan.FREE, RateLabel.LIGHT, 4),
        (Plan.FREE, RateLabel.MEDIUM, 2),
        (Plan.FREE, RateLabel.HEAVY, 1),
        (Plan.PRO, RateLabel.LIGHT, 30),
        (Plan.PRO, RateLabel.MEDIUM, 20),
        (Plan.PRO, RateLabel.HEAVY, 10),
        (Plan.PRO, RateLabel.RESOURCE_INTENSIVE, 10 / 60),
        (Plan.PRO, RateLabel.PHONE_LIGHT, 20),
        (Plan.BUSINESS, RateLabel.LIGHT, 80),
        (Plan.BUSINESS, RateLabel.MEDIUM, 60),
        (Plan.BUSINESS, RateLabel.HEAVY, 40),
        (Plan.BUSINESS, RateLabel.RESOURCE_INTENSIVE, 20 / 60),
        (Plan.BUSINESS, RateLabel.PHONE_MEDIUM, 20),
    ],
)
def test_the_published_limits_hold(plan, label, per_second):
    assert plan.limits[label] == pytest.approx(per_second)


def test_an_unknown_plan_starts_with_the_limits_of_pro():
    assert Plan.AUTO.limits == Plan.PRO.limits


@pytest.mark.parametrize("label", [RateLabel.LIGHT, RateLabel.MEDIUM, RateLabel.HEAVY])
def test_no_window_of_one_second_holds_more_than_the_limit(clock, label):
    paced = limiter(clock)
    sent = []
    for _ in range(200):
        paced.acquire(label)
        sent.append(clock())
    limit = Plan.PRO.limits[label]
    assert max(sum(start <= t <= start + 1 for t in sent) for start in sent) <= limit


def test_the_pace_uses_nearly_all_of_what_is_allowed(clock):
    paced = limiter(clock)
    start = clock()
    for _ in range(401):
        paced.acquire(RateLabel.MEDIUM)
    assert 400 / (clock() - start) == pytest.approx(20, rel=0.03)


def test_labels_do_not_wait_for_each_other(clock):
    paced = limiter(clock)
    paced.acquire(RateLabel.RESOURCE_INTENSIVE)
    paced.acquire(RateLabel.LIGHT)
    assert clock.slept == []


def test_an_idle_limiter_saves_up_no_burst(clock):
    paced = limiter(clock)
    paced.acquire(RateLabel.HEAVY)
    clock.sleep(60)
    before = clock()
    paced.acquire(RateLabel.HEAVY)
    paced.acquire(RateLabel.HEAVY)
    assert clock() - before >= 0.1


def test_the_share_leaves_room_for_other_apps(clock):
    assert limiter(clock, share=0.5).rate(RateLabel.MEDIUM) == 10


def test_a_granted_rate_replaces_every_label(clock):
    paced = limiter(clock, max_rate=100)
    assert {paced.rate(label) for label in RateLabel} == {100}


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1.1}, {"max_rate": 0}])
def test_a_senseless_rate_is_refused(clock, options):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        limiter(clock, **options)


def test_a_refusal_halves_the_rate_and_holds_the_label_as_long_as_zoom_says(clock):
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 7)
    assert paced.rate(RateLabel.MEDIUM) == 10
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before == pytest.approx(7)


def test_a_refusal_without_a_time_holds_for_one_to_two_seconds(clock):
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM)
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before == pytest.approx(1.5)


def test_a_refusal_never_holds_longer_than_two_minutes(clock):
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 86_400)
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before == pytest.approx(120)


def test_refusals_of_requests_already_under_way_halve_only_once(clock):
    paced = limiter(clock)
    for _ in range(16):
        paced.slow_down(RateLabel.MEDIUM, 1)
    assert paced.rate(RateLabel.MEDIUM) == 10


def test_the_rate_never_falls_to_nothing(clock):
    paced = limiter(clock)
    for _ in range(20):
        paced.slow_down(RateLabel.MEDIUM, 0.0)
    assert paced.rate(RateLabel.MEDIUM) == 20 / 16


def test_the_rate_comes_back_bit_by_bit_and_not_above_what_is_allowed(clock):
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 0.0)
    clock.sleep(10)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(14)
    clock.sleep(1000)
    assert paced.rate(RateLabel.MEDIUM) == 20


def test_who_waits_when_zoom_refuses_waits_for_the_end_of_the_hold(clock):
    paced = limiter(clock)
    paced.acquire(RateLabel.MEDIUM)

    def refused_meanwhile(seconds):
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            paced.slow_down(RateLabel.MEDIUM, 5)

    paced._sleep = refused_meanwhile
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before >= 5


def test_threads_share_one_pace(clock):
    paced = limiter(clock)
    sent, lock = [], threading.Lock()
    slots = []

    def sleep(seconds):
        with lock:
            slots.append(round(seconds, 6))

    paced._sleep = sleep

    def work():
        for _ in range(10):
            paced.acquire(RateLabel.MEDIUM)
            with lock:
                sent.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 80
    assert len(set(slots)) == 79
    assert max(slots) == pytest.approx(79 * 1.02 / 20)
