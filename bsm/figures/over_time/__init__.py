"""Figures over time: influence and odds along the phases, sweeps of selection, what made the odds, the unrolled graph.

`tracks.of_model` and `tracks.of_result` say what stands where; `pictures.of_time` goes through all figures with their
captions. matplotlib loads when the first figure is drawn.
"""
