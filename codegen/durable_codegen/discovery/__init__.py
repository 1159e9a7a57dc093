"""What the app's modules hold, found by importing them as the guest will: marked functions, and their hints."""
