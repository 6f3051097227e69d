"""What the platform costs, each figure beside the limit that it is compared with, measured in the same run.

``make bench`` takes about five minutes, ``make bench-large`` hours. Ratios of CPU seconds are what counts: they hold
on other machines and while other things run; wall times are reported, and are as noisy as the machine is.
"""
