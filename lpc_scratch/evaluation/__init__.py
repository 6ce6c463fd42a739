"""What a trained network is worth beyond its accuracy: the suites of `lpc_scratch.evaluate`.

Each suite is a function of a `Subject` (a run with its data) and the settings that yields
`Measurement`s, and a `LeftOut` for what the data cannot show: `robustness`, `noise`, `ood`,
`calibration`, `transfer` and `training`. `report` and `figures` show those of several runs side by
side.
"""
