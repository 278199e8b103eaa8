"""The audit: the rules that must never break (design.md), checked on the live system.

The services are read one after the other while others write, so what looks broken may only have
been in flux. It is read again, between two reads of the record whose saga would have moved it: only
where those are equal and no saga is at work did nothing happen meanwhile, and it is broken.
"""
