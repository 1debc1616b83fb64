#!/bin/sh
# Joins the settings with those of conf.d (docker/tls.yaml brings one), writes the password file from the environment, hashed,
# and starts the broker.
set -eu
config=/tmp/mosquitto.conf
cp /mosquitto/config/mosquitto.conf $config
for more in /mosquitto/config/conf.d/*.conf; do
  [ ! -e "$more" ] || cat "$more" >> $config
done
umask 077
: > /mosquitto/data/passwords
mosquitto_passwd -b /mosquitto/data/passwords ingest "$MQTT_INGEST_PASSWORD"
mosquitto_passwd -b /mosquitto/data/passwords gateway "$MQTT_GATEWAY_PASSWORD"
chown mosquitto:mosquitto /mosquitto/data/passwords
exec mosquitto -c $config
