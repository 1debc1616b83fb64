/** Opens the network in use of every machine type. */
import type { Predictor } from '../domain/features.js';
import type { Deployment } from './config.js';
import type { Logger } from './logger.js';
import { currentVersionFolder } from './model-folder.js';
