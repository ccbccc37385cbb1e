"""Where examples come from: files of any common format, the hub, and the toy worlds; read, checked and split."""
