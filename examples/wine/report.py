"""Which measurements tell three Italian wines apart?

Reads the wine data set that scikit-learn ships, fits a model, prints how well
it does and what it relies on, and writes a plot to $REPORT_DIR.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main() -> None:
    wine = load_wine()
    train_x, test_x, train_y, test_y = train_test_split(
        wine.data, wine.target, test_size=0.3, random_state=7, stratify=wine.target
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train_x, train_y)

    print(f"{len(wine.data)} wines, {len(wine.feature_names)} measurements each")
    print(classification_report(test_y, model.predict(test_x), target_names=wine.target_names))

    weights = abs(model[-1].coef_).mean(axis=0)
    ranked = sorted(zip(weights, wine.feature_names, strict=True), reverse=True)
    for weight, name in ranked[:5]:
        print(f"{name:<30} {weight:.2f}")

    reports = Path(os.environ["REPORT_DIR"])
    reports.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.barh([name for _, name in ranked][::-1], [weight for weight, _ in ranked][::-1])
    axes.set_xlabel("mean absolute weight")
    axes.set_title("What tells the wines apart")
    figure.tight_layout()
    figure.savefig(reports / "wine.png")
    print(f"plot: {reports / 'wine.png'}")


if __name__ == "__main__":
    main()
