"""Values to bytes and back: payloads, previews, errors as data, references to a program's own classes.

It must not know events, runs or stores.
"""
