"""What a trained network is worth beyond its accuracy: the suites of `lpc_scratch.evaluate`.

Each suite is a function of a `Subject` (a run with its data) and the settings that returns
`Measurement`s: `robustness`, `noise`, `ood`, `calibration` and `transfer`. `report` and `figures`
show those of several runs side by side.
"""
