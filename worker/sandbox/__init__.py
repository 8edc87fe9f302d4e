"""What keeps a child that opens strangers' files in: walls, caps, and who watches over them.

rules        what one job's child may do, as a `Policy`
walls        the child builds the walls around itself: limits, `landlock`, `syscalls`
watch        its supervisor kills it at the first cap that the kernel has no limit for,
by what `vitals` and `occupied` measure
post_mortem  why it died, said with the sentences of `caps`
"""
