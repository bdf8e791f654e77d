"""Run migrations on the connection that `marketplace.database` hands over."""

from alembic import context

from marketplace import database

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=database.metadata(),
    include_object=database.ours,
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
