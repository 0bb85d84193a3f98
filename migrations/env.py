"""Migrate the database in `DATABASE_URL`. Alembic runs this file."""

from importlib import import_module
from pkgutil import walk_packages

from alembic import context
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError

from bot import store
from bot.base import settings
from bot.base.database import metadata, open_engine

for module in walk_packages(store.__path__, "bot.store."):  # the import registers each module's tables in `metadata`
    import_module(module.name)


def migrate() -> None:
    """Run all migrations, in one transaction if the database supports it."""
    url = context.config.attributes.get("url") or settings.load_settings().database_url
    engine = open_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":  # batch mode rebuilds tables; inside BEGIN, SQLite ignores this PRAGMA
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


try:
    migrate()
except OperationalError as error:
    own = str(error.orig).splitlines()[0]
    raise CommandError(f"The database cannot be used: does it run, is DATABASE_URL right? It said: {own}") from error
