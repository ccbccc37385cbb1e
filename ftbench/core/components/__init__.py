"""One base class for each axis that has several kinds of components, and the names that keys know them by."""
