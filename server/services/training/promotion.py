"""Decides whether a new model goes live: it must not be worse than the live version."""

import logging

from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.errors import ArtifactError
from server.recommender import artifact
from server.recommender.evaluation.comparison import Measurement, Verdict, judge, measure
from server.recommender.training import Training
from server.services.model_versions import ModelVersionDataManager

logger = logging.getLogger(__name__)


class PromotionPolicy:
    """Compares a training with the live version on the current held-out ratings."""

    def __init__(self, database: Database, store: ModelStore) -> None:
        self.database = database
        self.store = store

    def judge(self, training: Training) -> Verdict:
        """Return whether the model may go live, and why. Without a readable live version it may.

        A model that could not be measured replaces only one that could not be measured either.
        """
        with self.database.transaction(writes=False) as session:
            live = ModelVersionDataManager(session).find_active()
        if live is None:
            return Verdict(accepted=True, reason="No version was live to compare with.")
        try:
            holdout = artifact.load_holdout(self.store.opener(live.artifact))
        except ArtifactError as error:
            logger.warning("version %d is not available for comparison: %s", live.version, error)
            reason = f"The live version {live.version} is not readable, so the models could not be compared."
            return Verdict(accepted=True, reason=reason)
        if holdout.card.metrics is None:
            reason = f"The live version {live.version} was trained on too few ratings to be measured."
            return Verdict(accepted=True, reason=reason)
        if training.shortage is not None:
            reason = f"A model without metrics does not replace the live version {live.version}, which has metrics."
            return Verdict(accepted=False, reason=reason)
        new = Measurement.of(training.lists, training.sample, training.model.card)
        return judge(new, measure(holdout, training.sample))
