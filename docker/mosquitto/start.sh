#!/bin/sh
# Writes the password file from the environment, hashed, and starts the broker.
set -eu
umask 077
: > /mosquitto/data/passwords
mosquitto_passwd -b /mosquitto/data/passwords ingest "$MQTT_INGEST_PASSWORD"
mosquitto_passwd -b /mosquitto/data/passwords gateway "$MQTT_GATEWAY_PASSWORD"
chown mosquitto:mosquitto /mosquitto/data/passwords
exec mosquitto -c /mosquitto/config/mosquitto.conf
