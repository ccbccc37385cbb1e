"""Text from outside made safe for its target, secrets masked, and how numbers read. Imports core alone."""
