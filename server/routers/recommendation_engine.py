"""``/recommendation-engine``."""

from fastapi import APIRouter, Request, Response, status

from server.errors import ConflictError, ModelVersionNotFound, RunNotFound
from server.schemas.recommendation_engine import (
    ActiveModelChange,
    LiveCalibration,
    ModelVersion,
    ModelVersionPage,
    RecommendationEngine,
    TrainingRun,
    TrainingRunPage,
)
from server.web.dependencies import (
    AccessDep,
    AfterCommit,
    CalibrationDep,
    LiveModelDep,
    LocationDep,
    ModelStoreDep,
    ModelVersionNumber,
    Paging,
    RecommendationEngineServiceDep,
    RunId,
    TrainingSupervisorDep,
)
from server.web.paging import PAGED, described_header, linked
from server.web.problems import documented
from server.web.routes import CacheableRoute

router = APIRouter(prefix="/recommendation-engine", tags=["recommendation engine"], route_class=CacheableRoute)


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    response_class=Response,
    responses={
        202: {
            "description": "The training is queued or running; the body is empty.",
            **described_header("Location", "The training run, to follow it."),
        }
    },
)
def train_model(
    access: AccessDep,
    engine: RecommendationEngineServiceDep,
    supervisor: TrainingSupervisorDep,
    after_commit: AfterCommit,
    location: LocationDep,
) -> Response:
    """Train on all ratings of this moment, in the background; the new model is a new version.

    One training runs at a time. A request during a training queues the next one; more requests join the queued one.
    """
    access.require_admin()
    after_commit(supervisor.supervise)
    return location.accepted("get_training_run", run_id=engine.request_training())


@router.get("")
def get_recommendation_engine(access: AccessDep, engine: RecommendationEngineServiceDep) -> RecommendationEngine:
    """Get the live version, its metrics and age, and the run in progress."""
    access.require_admin()
    return engine.get_overview()


@router.get("/runs", responses=PAGED)
def list_training_runs(
    access: AccessDep, paging: Paging, engine: RecommendationEngineServiceDep, request: Request, response: Response
) -> TrainingRunPage:
    """List the training runs, newest first."""
    access.require_admin()
    return linked(engine.list_runs(paging), request, response)


@router.get("/runs/{run_id}", responses=documented(RunNotFound(0)))
def get_training_run(access: AccessDep, run_id: RunId, engine: RecommendationEngineServiceDep) -> TrainingRun:
    """Get the status of a training run."""
    access.require_admin()
    return engine.get_run(run_id)


@router.delete(
    "/runs/{run_id}",
    responses=documented(RunNotFound(0), ConflictError("Training run 3 has already ended: its status is succeeded.")),
)
def cancel_training_run(access: AccessDep, run_id: RunId, engine: RecommendationEngineServiceDep) -> TrainingRun:
    """Cancel a queued or a running training.

    A queued run is `cancelled` at once. A running one stays `running` in the stage `cancelling` until its process has
    stopped, usually within a second; its model is discarded.
    """
    access.require_admin()
    return engine.cancel_run(run_id)


@router.get("/live-calibration")
def get_live_calibration(access: AccessDep, calibration: CalibrationDep) -> LiveCalibration:
    """Compare predicted probabilities with observed shares, of recommended movies that users have rated since.

    `/metrics` has the same numbers. They count the lists and ratings of one process since its start; with a shared
    Redis, those of all processes.
    """
    access.require_admin()
    return calibration.get_calibration()


@router.get("/models", responses=PAGED)
def list_model_versions(
    access: AccessDep, paging: Paging, engine: RecommendationEngineServiceDep, request: Request, response: Response
) -> ModelVersionPage:
    """List the model versions, newest first."""
    access.require_admin()
    return linked(engine.list_versions(paging), request, response)


@router.get("/models/{version}", responses=documented(ModelVersionNotFound(0)))
def get_model_version(
    access: AccessDep, version: ModelVersionNumber, engine: RecommendationEngineServiceDep
) -> ModelVersion:
    """Get one model version: algorithm, parameters, data, metrics, calibration."""
    access.require_admin()
    return engine.get_version(version)


@router.put(
    "/active-model",
    responses=documented(ModelVersionNotFound(0), ConflictError("Version 3 cannot go live. Its artifact is damaged.")),
)
def activate_model_version(
    access: AccessDep,
    change: ActiveModelChange,
    engine: RecommendationEngineServiceDep,
    live_model: LiveModelDep,
    store: ModelStoreDep,
    after_commit: AfterCommit,
) -> ModelVersion:
    """Make a version the live one, older or newer. Every serving process follows within a second."""
    access.require_admin()
    after_commit(live_model.refresh)
    return engine.activate(change.version, store)
