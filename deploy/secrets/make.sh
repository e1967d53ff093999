#!/bin/sh
# Make a folder of random secrets, one a file, for docker-compose.yml: deploy/secrets/make.sh FOLDER; what is there stays.
set -eu
folder="${1:?usage: make.sh FOLDER}"
umask 022
mkdir -p "$folder"
# The folder keeps others out; the files are mounted one by one and read by users of the containers.
chmod 0700 "$folder"
for name in postgres_password order_postgres_password inventory_postgres_password bottling_postgres_password \
  fulfillment_postgres_password jwt_secret order_kafka_password inventory_kafka_password bottling_kafka_password \
  fulfillment_kafka_password upstream_kafka_password reader_kafka_password \
  console_kafka_password; do
  [ -s "$folder/$name" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$folder/$name"
  chmod 0444 "$folder/$name"
done
