"""What each page of the report shows, as plain values; it draws nothing and reads rows of examples only when
asked for.
"""
