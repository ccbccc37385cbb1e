"""What people read: the tables of ``analysis`` as terminal text, pages, and files to send."""
