"""Rules of acquisition against random on made pools, paired over seeds: where spreading must pay, and where it cannot pay much.

    python benchmarks/acquisition_made.py [--quick] [--json FILE] [--only WORDS] [--seeds 10] [--work FOLDER]

A preference is linear in 16 features, and a logistic model learns it from what is asked: 25, 50, 100, 200 and 400 of 2,000 pairs, in
rounds, the model fitted again after each. "accuracy gain" and "NLL fall" are over random at the same number of gold, on 2,000
held-out pairs: means over seeds with a 95% interval of Student's t of the paired differences. Random goes through the same
rounds with the same pools.

- *clustered*: nine pairs of ten are near-copies of one of twelve, two thirds of them of the first; held-out pairs are of all
  twelve alike. A rule that spreads its questions must win.
- *alike*: pool and held-out pairs are drawn from one normal distribution; long ones say more than short ones.
- *alike, of one length*: no pair says more than another (the negative control). What is left to gain is that questions are
  spread more evenly over the directions than draws are.
"""

from __future__ import annotations

from _acquisition_arms import options_of, run_all
from _acquisition_tasks import Made


def main() -> None:
    tasks = [Made("clustered"), Made("alike"), Made("alike, of one length")]
    run_all("acquisition_made", tasks, options_of(__doc__ or "").parse_args())


if __name__ == "__main__":
    main()
