from server.backend.database import Database
from server.schemas.health import Readiness
from server.services.health import HealthService
from server.services.live.catalogue import LiveCatalogue
from server.services.live.model import LiveModel
from tests.support.builders import add_version
from tests.support.tables import for_each_in


@for_each_in("trained", "served")
def test_readiness_reports_the_movies_and_the_model_served(served: LiveModel) -> None:
    live_catalogue = LiveCatalogue(served.database)
    live_catalogue.refresh()

    with served.database.transaction(writes=False) as session:
        readiness = HealthService(session, live_catalogue, served).get_readiness()

    assert readiness == Readiness(
        status="ready",
        database=served.database.engine.dialect.name,
        movies=33,
        model_version=1,
        model_problem=None,
    )


def test_readiness_tells_why_a_model_cannot_be_served(catalogue: Database, live_model: LiveModel) -> None:
    with catalogue.transaction(writes=True) as session:
        add_version(session, "nowhere")
    live_model.refresh()

    with catalogue.transaction(writes=False) as session:
        readiness = HealthService(session, LiveCatalogue(catalogue), live_model).get_readiness()

    assert (readiness.movies, readiness.model_version) == (0, None)
    assert str(readiness.model_problem).startswith("Model version 1 cannot be read.")
