"""What every request and answer has in common, whichever surface it is of."""
