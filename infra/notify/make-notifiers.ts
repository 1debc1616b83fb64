import type { NotifierConfig } from '../../alerts/notifier-config.js';
import type { Notifier, StandingNotifier } from '../../alerts/ports.js';
import type { Clock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { AlertmanagerNotifier } from './alertmanager.js';
import { EmailNotifier } from './email.js';
import { KafkaNotifier } from './kafka.js';
import { type AlertLogger, LogNotifier } from './log.js';
import { MqttNotifier, type PublishAlert } from './mqtt.js';
import { WebhookNotifier } from './webhook.js';

export interface NotifierDeps {
  readonly logger: AlertLogger;
  readonly clock: Clock;
  /** Undefined where the deployment has no broker to publish to. */
  readonly publish: PublishAlert | undefined;
}

/** Makes the receivers of the alerts file, in its order. Opens no connection. Throws UserError. */
export function makeNotifiers(
  configs: readonly NotifierConfig[],
  deps: NotifierDeps,
): (Notifier | StandingNotifier)[] {
  return configs.map((config) => makeNotifier(config, deps));
}

function makeNotifier(config: NotifierConfig, deps: NotifierDeps): Notifier | StandingNotifier {
  switch (config.kind) {
    case 'log':
      return new LogNotifier(config.name, deps.logger);
    case 'webhook':
      return new WebhookNotifier(config, deps.clock);
    case 'alertmanager':
      return new AlertmanagerNotifier(config, deps.clock);
    case 'email':
      return new EmailNotifier(config);
    case 'kafka':
      return new KafkaNotifier(config);
    case 'mqtt':
      if (!deps.publish)
        throw new UserError(
          `notifier "${config.name}" publishes over MQTT, but no broker is configured; add one under \`mqtt\`, or take the notifier out`,
        );
      return new MqttNotifier(config, deps.publish);
  }
}
