/**
 * The composition root: starts the stages of the chosen roles over the deployment's log and store, and stops them
 * again so that everything received is where it belongs. Nothing is opened before `start`.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAlertStage } from '../alerts/alert-stage.js';
import { makeNotifyStage } from '../alerts/notify-stage.js';
import { type Clock, SetClock, wallClock } from '../domain/clock.js';
import type { Predictor } from '../domain/features.js';
import type { Consumer, Log, PartitionHandler, PartitionId } from '../domain/log.js';
import type { Store } from '../domain/store.js';
import { topicSpecs, topics } from '../domain/topics.js';
import { openEmbeddedLog } from '../infra/embedded/log.js';
import { openEmbeddedStore } from '../infra/embedded/store.js';
import { startHttpServer } from '../infra/http/server.js';
import { Ingest } from '../ingest/ingest.js';
import { Ticker } from '../ingest/ticker.js';
import { makeForecastStage } from '../stream/forecast-stage.js';
import { makeStepStage } from '../stream/step-stage.js';
import type { Deployment } from './config.js';
import { groups } from './groups.js';
import { LiveTail } from './live-tail.js';
import type { Role } from './roles.js';
import { makeStoreStage, storeTopics } from './store-stage.js';

