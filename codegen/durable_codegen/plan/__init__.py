"""What implements each export, which regions stand around it, and what is wrong: neutral of the target."""
