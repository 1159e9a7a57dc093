"""What failed in a guest and where, read out of what its runtime wrote and out of its memory."""
