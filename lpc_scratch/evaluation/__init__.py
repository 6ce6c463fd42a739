"""What a trained network is worth beyond its accuracy: the suites of `lpc_scratch.evaluate`.

Each suite is a function of a `Subject` (a run with its data) and the settings that yields
`Measurement`s, and a `LeftOut` for what the data cannot show: `robustness`, `noise`, `ood`,
`calibration`, `transfer`, `training` and `depth`. `robustness` keeps what attacks have done in
`worst_case`, and takes `distances` and the signs of gradient `masking` from it. `report` shows
those of several runs side by side, as `plots.evaluation` does.
"""
