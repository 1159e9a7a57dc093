"""What a component has of its packages' files and metadata, where there is no file system."""
