"""What oplogs amount to, kept beside them: reading goes on from there, and not from the first entry."""
