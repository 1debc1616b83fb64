import { clockTopic } from './clock-message.js';
import type { IngestConfig } from './config.js';
import { sparkplugFilters } from './sparkplug/topic.js';
import { topicFilters } from './topic-template.js';

/** MQTT filters of all that ingest takes from an outside broker. */
export function ingestSubscriptions(config: IngestConfig): string[] {
  const filters = topicFilters(config.topics.map((topic) => topic.template));
  if (config.sparkplug) filters.push(...sparkplugFilters);
  return config.time === 'messages' ? [...filters, clockTopic] : filters;
}
