"""Make documents to print or forward: posters, handouts, and images.

The functions turn texts into bytes and store nothing.
"""
