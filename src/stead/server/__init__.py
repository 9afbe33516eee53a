"""The store server: it manages and builds environments for a team.

Nothing here is imported by a command other than ``serve`` and ``worker``: what
it needs comes with the extra ``stead[server]``.
"""
