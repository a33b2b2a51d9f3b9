"""Serve a dashboard with one chart: the carbon dioxide of data/co2.csv over the years."""
import argparse
import csv

import dash


def read_columns(path):
    """The years and the values of the CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [int(row["year"]) for row in rows], [float(row["ppm"]) for row in rows]


def figure(years, values):
    """The chart, the way Plotly describes one."""
    return {
        "data": [{"type": "scatter", "mode": "lines+markers", "x": years, "y": values}],
        "layout": {
            "xaxis": {"title": {"text": "year"}},
            "yaxis": {"title": {"text": "parts per million"}},
        },
    }


def dashboard(years, values):
    """The page around the chart."""
    app = dash.Dash(__name__, title="Carbon dioxide")
    app.layout = dash.html.Div([
        dash.html.H1("Carbon dioxide at Mauna Loa"),
        dash.dcc.Graph(id="chart", figure=figure(years, values)),
    ])
    return app


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8050, help="port to listen on")
    options = parser.parse_args()
    dashboard(*read_columns("data/co2.csv")).run(host=options.host, port=options.port)


if __name__ == "__main__":
    main()
