# SPDX-License-Identifier: MIT
"""A curve as an SVG; the same points give the same file."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "nexgate", "svg.fonttype": "none", "font.family": "sans-serif"}

from matplotlib import pyplot  # noqa: E402 (the backend comes first)


def file_name(curve):
    return curve.name.replace(" ", "-") + ".svg"


def draw(curve, folder):
    folder.mkdir(exist_ok=True)
    figure, axes = pyplot.subplots(figsize=(6, 3))
    for name, points in curve.series.items():
        axes.plot(list(points), list(points.values()), marker="o", markersize=4, label=name)
    if curve.logarithmic:
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(curve.axis)
    axes.set_ylabel("CPU µs a request")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    if len(curve.series) > 1:
        axes.legend(frameon=False)
    figure.savefig(folder / file_name(curve), bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
