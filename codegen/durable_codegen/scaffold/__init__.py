"""New projects, and Golem's manifest for them."""
