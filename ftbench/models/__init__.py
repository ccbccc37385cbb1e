"""Language models: where they lie, how they are loaded, how turns become token ids, and how they are asked."""
