"""Readers for tests that look at what a transaction has written but not committed."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.backend.reader import Reader, Row
from server.services.live.cards import MovieCards
from server.services.live.catalogue import LiveCatalogue
from server.services.live.listing import LiveListing
from server.services.live.model import LiveModel
from server.services.movies import MovieService
from server.services.recommendations import RecommendationService


class SessionReader(Reader):
    """Reads in a session's transaction."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.dialect = session.get_bind().dialect.name
        self.is_in_process = self.dialect == "sqlite"

    def close(self) -> None:
        """Leave the session to its owner."""

    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        return [tuple(row) for row in self.session.execute(text(statement), dict(parameters))]


def cards_of(session: Session) -> MovieCards:
    """Return the cards of the movies as a session sees them."""
    return MovieCards(SessionReader(session))


def recommendations_of(session: Session, live_model: LiveModel) -> RecommendationService:
    """Return the service of recommendations as a session sees them."""
    return RecommendationService(lambda: session, SessionReader(session), live_model, cards_of(session))


def movies_of(session: Session, catalogue: LiveCatalogue) -> MovieService:
    """Return the service of the movies as a session sees them."""
    listing = LiveListing(SessionReader(session))
    listing.refresh()
    cards = cards_of(session)
    return MovieService(catalogue, listing.get(), cards, cards)
