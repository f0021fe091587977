"""The state file: the emulated world at rest as a text of JSON, to start from and to save to.

``writing`` goes from the world to documents, once ``rest`` has brought all that is under way to its end; ``reading``, with
``machines`` and ``deployments``, goes back, and tells the place of what is wrong (``entries``). ``file`` alone touches the
disk.
"""
