#!/bin/sh
# Give the four roles their passwords, each from a mounted secret; run by the Postgres image after roles.sql, when the
# database is made, and by hand when a secret has changed.
set -eu
for service in order inventory bottling fulfillment; do
  password="$(cat "/run/secrets/${service}_postgres_password")"
  psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
    -v role="${service}_service" -v password="$password" <<'SQL'
ALTER ROLE :"role" PASSWORD :'password';
SQL
done
