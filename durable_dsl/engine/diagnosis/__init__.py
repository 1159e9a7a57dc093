"""Replays that change nothing: what another build makes of a history, and where in the source a call was made."""
