"""The component itself: made, cached, labelled with what was built, and reported."""
