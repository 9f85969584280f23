"""An AI's own shares, Dirichlet around those of its kind: weighted points of them that are where its rows say.

`gammas` are normal scores and the shares that they stand for, `episode_counts` says where a likelihood may be large,
`points` puts weighted points there, and `mean` is the mean of a likelihood over them, for episodes of one moment.
"""
