#!/bin/sh
# Give the four roles their passwords when the database is made; run by the Postgres image after roles.sql.
set -eu
for service in order inventory bottling fulfillment; do
  variable="$(echo "$service" | tr '[:lower:]' '[:upper:]')_POSTGRES_PASSWORD"
  eval "password=\${$variable}"
  psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
    -v role="${service}_service" -v password="$password" <<'SQL'
ALTER ROLE :"role" PASSWORD :'password';
SQL
done
