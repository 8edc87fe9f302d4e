from worker.engine.run.steps import derived_seed


def test_seeds_differ_by_step_and_job_and_are_the_same_again() -> None:
    seeds = [derived_seed(seed, position) for seed in (0, 17) for position in (0, 1, 2)]
    assert len(set(seeds)) == 6
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derived_seed(17, 2) == seeds[-1]
