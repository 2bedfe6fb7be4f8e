"""Drawing: plain arrays and labels in, SVG out. Pure: no HTTP, no engine, no clock.

`drawings.Drawing` says what is shown, `lines`, `bars`, `histograms` and `sparklines` draw it, `nodes.xml` writes it.
"""
