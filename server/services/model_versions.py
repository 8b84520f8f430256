"""The ledger of model versions: what was trained, and which version is live."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from server.backend.announcements import announce_change
from server.models import ActiveModel, ModelVersion, TrainingRun
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.base import BaseDataManager


class ModelVersionDataManager(BaseDataManager):
    """SQL of the model versions."""

    def create(self, values: dict[str, object]) -> int:
        """Insert a version and return its number."""
        statement = insert(ModelVersion).values(values | {"created_at": datetime.now(UTC)})
        return self.session.execute(statement.returning(ModelVersion.version)).scalar_one()

    def delete(self, versions: Sequence[int]) -> None:
        """Delete versions. Their runs stay, without a version."""
        self.session.execute(update(TrainingRun).where(TrainingRun.version.in_(versions)).values(version=None))
        self.session.execute(delete(ModelVersion).where(ModelVersion.version.in_(versions)))

    def get_artifact(self, version: int) -> str:
        """Return the name of a version's artifact."""
        return self.session.execute(select(ModelVersion.artifact).where(ModelVersion.version == version)).scalar_one()

    def list_artifacts(self) -> set[str]:
        """List the names of the artifacts of all versions."""
        return set(self.session.scalars(select(ModelVersion.artifact)))

    def list_old(self, keep: int) -> list[tuple[int, str]]:
        """List number and artifact of the versions that are not among the newest `keep`.

        Without the live version and its predecessor, which serves if the live one becomes unreadable.
        """
        newest = select(ModelVersion.version).order_by(ModelVersion.version.desc()).limit(keep)
        statement = select(ModelVersion.version, ModelVersion.artifact).where(
            ModelVersion.version.not_in(newest.scalar_subquery()),
            ModelVersion.version.not_in(self._list_serving()),
        )
        return [(version, artifact) for version, artifact in self.session.execute(statement)]

    def _list_serving(self) -> list[int]:
        active = self.find_active()
        if active is None:
            return []
        return [active.version, *(version for version, _ in self.list_once_live(active.version)[:1])]

    def find(self, version: int) -> schemas.ModelVersion | None:
        """Return a version by its number, or None."""
        row = self.session.execute(_versions().where(ModelVersion.version == version)).one_or_none()
        return None if row is None else schemas.ModelVersion(**row._mapping)

    def list_page(self, paging: Paging) -> list[schemas.ModelVersion]:
        """List a page of the versions, newest first."""
        statement = _versions().order_by(ModelVersion.version.desc()).limit(paging.limit).offset(paging.offset)
        return [schemas.ModelVersion(**row._mapping) for row in self.session.execute(statement)]

    def count(self) -> int:
        """Count the versions."""
        return self.session.scalar(select(func.count()).select_from(ModelVersion)) or 0

    def find_active(self) -> Row[int, str, datetime] | None:
        """Return number, artifact and time of activation of the live version, or None before the first."""
        return self.session.execute(
            select(ActiveModel.version, ModelVersion.artifact, ActiveModel.activated_at).join(ModelVersion)
        ).one_or_none()

    def list_once_live(self, before: int) -> list[tuple[int, str]]:
        """List number and artifact of the older versions that went live when their runs ended, newest first."""
        statement = (
            select(ModelVersion.version, ModelVersion.artifact)
            .join(TrainingRun, TrainingRun.version == ModelVersion.version)
            # Runs older than the promotion policy have NULL here; all of them went live.
            .where(ModelVersion.version < before, TrainingRun.is_activated.is_not(False))
            .order_by(ModelVersion.version.desc())
        )
        return [(version, artifact) for version, artifact in self.session.execute(statement)]

    def activate(self, version: int) -> None:
        """Point the single row of `active_model` at a version."""
        values = {"version": version, "activated_at": datetime.now(UTC)}
        statement = self.insert(ActiveModel).values(slot=1, **values)
        self.session.execute(statement.on_conflict_do_update(index_elements=[ActiveModel.slot], set_=values))
        announce_change(self.session)


def _versions() -> Select[*tuple[Any, ...]]:
    columns = [column for column in ModelVersion.__table__.columns if column.name != "artifact"]
    is_active = func.coalesce(ModelVersion.version == ActiveModel.version, False).label("is_active")
    return (
        select(*columns, TrainingRun.run_id, TrainingRun.verdict, is_active)
        .outerjoin(ActiveModel, ActiveModel.version == ModelVersion.version)
        .outerjoin(TrainingRun, TrainingRun.version == ModelVersion.version)
    )
