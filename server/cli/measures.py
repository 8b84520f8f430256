"""How the metrics of a model are printed, by ``matinee train`` and ``matinee evaluate``."""

from collections.abc import Mapping

MEASURES = {
    "Held-out ratings": "{calibration_pairs:,}",
    "Users who like some of them": "{evaluated_users:,}",
    "NDCG@10": "{ndcg_at_10:.4f}",
    "  95% interval": "{ndcg_at_10_low:.3f}-{ndcg_at_10_high:.3f}",
    "Recall@20": "{recall_at_20:.4f}",
    "Hit rate, first 10": "{hit_rate_at_10:.1%}",
    "Next session: users": "{session_users:,}",
    "  NDCG@10": "{session_ndcg_at_10:.4f}",
    "  95% interval there": "{session_ndcg_at_10_low:.3f}-{session_ndcg_at_10_high:.3f}",
    "  Recall@20": "{session_recall_at_20:.4f}",
    "Coverage, first 10": "{coverage:.1%}",
    "Novelty, first 10": "{novelty:.2f} bits",
    "Positive ratings modelled": "{modelled_likes:.1%}",
    "Calibration error (ECE)": "{ece:.4f}",
    "  by chance alone": "{ece_floor:.4f}",
    "ECE, first 20": "{ece_top_20:.4f}",
    "  by chance alone there": "{ece_top_20_floor:.4f}",
    "Brier score": "{brier:.4f}",
    "Log loss": "{log_loss:.4f}",
    "AUC": "{auc:.4f}",
}
"""The printed metrics in their order: a label, and the format of the metrics' fields."""


def format_measures(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the label and the text of every printed metric; none for a model without metrics."""
    if not metrics:
        return []
    return [(label, text.format_map(metrics)) for label, text in MEASURES.items()]
