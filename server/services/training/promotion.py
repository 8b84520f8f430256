"""Decides whether a freshly trained model goes live: it must not be worse than the version that is."""

import logging

from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.errors import ArtifactError
from server.recommender import artifact
from server.recommender.evaluation.comparison import Measurement, Verdict, judge, measure
from server.recommender.training import Training
from server.services.recommendation_engine import ModelVersionDataManager

logger = logging.getLogger(__name__)


class PromotionPolicy:
    """Compares a training with the live version, on the ratings held out today."""

    def __init__(self, database: Database, store: ModelStore) -> None:
        self.database = database
        self.store = store

    def judge(self, training: Training) -> Verdict:
        """Say whether the model may go live, and why; one that cannot be compared may."""
        with self.database.transaction(writes=False) as session:
            live = ModelVersionDataManager(session).find_active()
        if live is None:
            return Verdict(accepted=True, reason="There was no live version to compare with.")
        try:
            trial = artifact.load_holdout(self.store.opener(live.artifact))
        except ArtifactError as error:
            logger.warning("version %d cannot be compared with: %s", live.version, error)
            reason = f"The live version {live.version} cannot be read, so there was nothing to compare with."
            return Verdict(accepted=True, reason=reason)
        new = Measurement.of(training.lists, training.sample, training.model.card)
        return judge(new, measure(trial, training.sample))
