"""What durability costs, as ratios measured in one run."""
