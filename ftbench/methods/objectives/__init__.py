"""What weights can be trained towards, one file each."""
