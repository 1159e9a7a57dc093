"""WIT files: the user's, the official ones, what is taken out of them, and the tool that reads them."""
