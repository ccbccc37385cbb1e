"""Where stages run: one file per executor."""
