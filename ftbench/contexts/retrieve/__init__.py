"""Retrievers: which chunks belong to a question. One module and one ``conf/context/retriever`` file each."""
