from dash import Dash

app = Dash(__name__)
app.layout = "churn by month"

if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8050)
