"""Low-rank layers: one matrix or kernel becomes two, three or four smaller ones in a row.

vbmf.py, singular.py, tucker.py, cp.py   the mathematics, on arrays alone
layer.py, row.py                         a layer that may go, and what takes its place
by_svd.py, by_tucker.py, by_cp.py        one decomposition each, as a Method
allocate.py, choose.py                   the rank of every layer
felt.py                                  what layers make of their inputs
swap.py, facts.py, low_rank.py           the graph, the report, the step
"""
